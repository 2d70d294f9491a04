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

/// A tensor as it lies in a mapped file: row-major, little-endian. `bytes` is valid while `file`
/// lives. Its start may be unaligned: the format packs tensors of unlike element sizes.
struct TensorView {
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;

  /// What was read of it leaves the process's memory: see MappedFile::release.
  void release() const;
};

/// What the header of a safetensors file says, checked against the size of the file.
struct SafetensorsHeader {
  struct Entry {
    Dtype dtype = Dtype::kF32;
    Shape shape;
    std::size_t begin = 0, end = 0;  // bytes from the start of the file
  };
  std::map<std::string, Entry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Parses and checks the header of a whole file's bytes; the data is not looked at. Throws an
/// input error naming `where` and the tensor or byte at fault.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& where);

/// A safetensors file, mapped. Every field of the header is checked before it is trusted.
/// Format: https://github.com/huggingface/safetensors#format
class SafetensorsFile {
 public:
  /// Throws an input error naming the file and the tensor or byte at fault.
  static SafetensorsFile open(const fs::path& file);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor to be written. `fill` is called once, when its turn comes, with a span of exactly the
/// tensor's bytes to fill: so that a large model is made and written piece by piece.
struct TensorSource {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::function<void(std::span<std::byte>)> fill;  // none: the bytes of `origin`, unchanged
  /// What it is made of, if that lies in a mapped file: released once the tensor is written.
  std::optional<TensorView> origin = {};
};
/// A source that writes the bytes of a view unchanged.
TensorSource source_of(std::string name, const TensorView& view);
/// Bytes of the tensor; a failure when the shape is negative or too large for 64 bits.
std::uint64_t byte_size(const TensorSource& source);
/// Bytes of a tensor, or nothing when a dimension is negative or the product (with each 0 taken as
/// 1) does not fit a signed 64-bit integer.
std::optional<std::uint64_t> byte_size(Dtype dtype, const Shape& shape);

/// Writes one safetensors file. Its bytes are on their way to the disk, which goes on meanwhile: an
/// AtomicDirectory waits for them when it commits. The tensors keep their order; the data section
/// starts at a multiple of 64 bytes. At most one tensor is in memory at a time, in one buffer for
/// all; one that is mapped goes from its file's pages to the new file. Throws a failure (a full
/// disk, a name given twice); then, and when a `fill` throws, no file is left.
void write_safetensors(const fs::path& file, const std::vector<TensorSource>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// Writes model.safetensors, or shards model-00001-of-0000N.safetensors with
/// model.safetensors.index.json when the tensors exceed `max_shard_bytes`. The tensors keep their
/// order, and none is split: one that is larger has a shard of its own.
void write_sharded_safetensors(const fs::path& directory, const std::vector<TensorSource>& tensors,
                               std::uint64_t max_shard_bytes);

}  // namespace expandft
