#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "checkpoint/dtype.h"

namespace expandft {

using Shape = std::vector<std::int64_t>;

/// A tensor as it lies in a mapped file. `bytes` is valid while `file` lives.
struct TensorView {
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;
};

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
  std::function<void(std::span<std::byte>)> fill;
};
/// A source that writes the bytes of a view unchanged.
TensorSource source_of(std::string name, const TensorView& view);
std::uint64_t byte_size(const TensorSource& source);

/// Writes one safetensors file (tensors sorted by element size then name as given, data aligned to
/// 64 bytes) and fsyncs it.
void write_safetensors(const fs::path& file, const std::vector<TensorSource>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// Writes model.safetensors, or shards with model.safetensors.index.json when the tensors exceed
/// `max_shard_bytes`. The tensors keep their order.
void write_sharded_safetensors(const fs::path& directory, const std::vector<TensorSource>& tensors,
                               std::uint64_t max_shard_bytes);

}  // namespace expandft
