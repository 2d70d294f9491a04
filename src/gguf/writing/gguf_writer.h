#pragma once

#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "gguf/gguf_value.h"
#include "gguf/quantization.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// The metadata of a GGUF file, in the order in which it is written. A key may be given once.
class GgufMetadata {
 public:
  void add_text(const std::string& key, std::string_view value);
  /// An unsigned integer of 32 bits; failure for a value that does not fit.
  void add_size(const std::string& key, std::int64_t value);
  void add_float(const std::string& key, double value);  // rounded to fp32
  void add_flag(const std::string& key, bool value);
  void add_texts(const std::string& key, const std::vector<std::string>& values);
  void add_floats(const std::string& key, const std::vector<float>& values);
  void add_integers(const std::string& key, const std::vector<std::int32_t>& values);
  void add_flags(const std::string& key, const std::vector<bool>& values);

  std::uint64_t size() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  void begin(const std::string& key, GgufValueType type);
  void begin_array(const std::string& key, GgufValueType type, std::size_t count);

  std::string bytes_;
  std::uint64_t count_ = 0;
};

/// Receives the bytes of a tensor, piece by piece.
using GgufSink = std::function<void(std::span<const std::byte>)>;

/// A tensor to be written. `write` is called once, when its turn comes, and gives all its bytes to
/// the sink. The shape is row-major, as in safetensors.
struct GgufTensorSource {
  std::string name;
  GgufType type = GgufType::kF32;
  Shape shape;
  std::function<void(const GgufSink&)> write;

  std::uint64_t bytes() const;
};

/// Bytes of the file that write_gguf makes.
std::uint64_t gguf_file_bytes(const GgufMetadata& metadata,
                              const std::vector<GgufTensorSource>& tensors);

/// Writes a GGUF file of version 3 whose tensors begin at multiples of 32 bytes, in their order.
/// The bytes reach the disk only by sync_file. Failures of OutputFile, and for a duplicate name.
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
void write_gguf(const fs::path& file, const GgufMetadata& metadata,
                const std::vector<GgufTensorSource>& tensors);

}  // namespace expandft
