#pragma once

#include "base/files.h"
#include "checkpoint/dtype.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

using Shape = std::vector<std::int64_t>;

/// A tensor in a mapped file: row-major, little-endian. `bytes` is valid while `file` lives. Its
/// start may be unaligned: the format packs tensors of different element sizes.
struct TensorView {
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;

  /// Drops its pages from the process's memory: see MappedFile::release.
  void release() const;
};

/// The header of a safetensors file, checked against the size of the file.
struct SafetensorsHeader {
  struct Entry {
    Dtype dtype = Dtype::kF32;
    Shape shape;
    std::size_t begin = 0, end = 0;  // bytes from the start of the file
  };
  std::map<std::string, Entry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Parses and checks the header of a file, given all its bytes; does not read the data. Input
/// errors name `where` and the tensor or byte.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& where);

/// A safetensors file, mapped. Every field of the header is checked before it is trusted.
/// Format: https://github.com/huggingface/safetensors#format
class SafetensorsFile {
 public:
  /// Input errors name the file and the tensor or byte.
  static SafetensorsFile open(const fs::path& file);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor to be written. `fill` is called once, when the tensor is written, with a span of
/// exactly the tensor's size, so a large model is computed and written piece by piece.
struct TensorSource {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::function<void(std::span<std::byte>)> fill;  // none: the bytes of `origin`, unchanged
  /// The mapped tensor that it is computed from, if any: released once the tensor is written.
  std::optional<TensorView> origin = {};
};
/// A source that writes the bytes of a view unchanged.
TensorSource source_of(std::string name, const TensorView& view);
/// Bytes of the tensor; failure if a dimension is negative or the size exceeds 64 bits.
std::uint64_t byte_size(const TensorSource& source);
/// Bytes of a tensor; none if a dimension is negative or the product (counting each 0 as 1) exceeds
/// a signed 64-bit integer.
std::optional<std::uint64_t> byte_size(Dtype dtype, const Shape& shape);

/// Writes one safetensors file; AtomicDirectory waits for its bytes to reach the disk when it
/// commits. The tensors keep their order; the data section starts at a multiple of 64 bytes. At
/// most one tensor is in memory at a time, in a shared buffer; unchanged mapped tensors are copied
/// from file to file. Failure for a full disk or a duplicate name; after any error, even one thrown
/// by `fill`, no file remains.
void write_safetensors(const fs::path& file, const std::vector<TensorSource>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// Writes model.safetensors, or shards model-00001-of-0000N.safetensors with
/// model.safetensors.index.json if the tensors exceed `max_shard_bytes`. The tensors keep their
/// order and are never split: a larger one gets its own shard.
void write_sharded_safetensors(const fs::path& directory, const std::vector<TensorSource>& tensors,
                               std::uint64_t max_shard_bytes);

}  // namespace expandft
