#pragma once

#include "gguf/gguf_value.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace expandft::testing {

/// The bytes of a little-endian number.
template <typename Number>
std::string le(Number number) {
  std::string bytes(sizeof(Number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(Number));
  return bytes;
}
inline std::string gguf_text(std::string_view text) {
  return le(std::uint64_t{text.size()}) + std::string(text);
}
inline std::string value_type(GgufValueType type) {
  return le(static_cast<std::uint32_t>(type));
}

/// A GGUF file that is put together piece by piece.
class GgufBytes {
 public:
  GgufBytes& key(const std::string& name, GgufValueType type, const std::string& value) {
    keys_ += gguf_text(name) + value_type(type) + value;
    ++key_count_;
    return *this;
  }
  GgufBytes& text(const std::string& name, const std::string& value) {
    return key(name, GgufValueType::kString, gguf_text(value));
  }
  GgufBytes& u32(const std::string& name, std::uint32_t value) {
    return key(name, GgufValueType::kUint32, le(value));
  }
  GgufBytes& f32(const std::string& name, float value) {
    return key(name, GgufValueType::kFloat32, le(value));
  }
  GgufBytes& texts(const std::string& name, const std::vector<std::string>& values) {
    std::string bytes = value_type(GgufValueType::kString) + le(std::uint64_t{values.size()});
    for (const std::string& value : values) bytes += gguf_text(value);
    return key(name, GgufValueType::kArray, bytes);
  }
  template <typename Number>
  GgufBytes& numbers(const std::string& name, GgufValueType type,
                     const std::vector<Number>& values) {
    std::string bytes = value_type(type) + le(std::uint64_t{values.size()});
    for (const Number value : values) bytes += le(value);
    return key(name, GgufValueType::kArray, bytes);
  }
  /// Dimensions as in the file: the number of columns first.
  GgufBytes& tensor(const std::string& name, const std::vector<std::uint64_t>& dimensions,
                    std::uint32_t type, const std::string& bytes) {
    data_ += std::string((32 - data_.size() % 32) % 32, '\0');
    return tensor_at(name, dimensions, type, data_.size(), bytes);
  }
  GgufBytes& tensor_at(const std::string& name, const std::vector<std::uint64_t>& dimensions,
                       std::uint32_t type, std::uint64_t offset, const std::string& bytes) {
    tensors_ += gguf_text(name) + le(static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t size : dimensions) tensors_ += le(size);
    tensors_ += le(type) + le(offset);
    ++tensor_count_;
    data_ += bytes;
    return *this;
  }
  /// A tensor of type F32 whose numbers are all `value`.
  GgufBytes& filled(const std::string& name, const std::vector<std::uint64_t>& dimensions,
                    float value = 0.5F) {
    std::uint64_t count = 1;
    for (const std::uint64_t size : dimensions) count *= size;
    std::string bytes;
    for (std::uint64_t i = 0; i < count; ++i) bytes += le(value);
    return tensor(name, dimensions, 0, bytes);
  }

  std::string bytes(std::uint32_t version = 3) const {
    std::string file = "GGUF" + le(version) + le(tensor_count_) + le(key_count_) + keys_ + tensors_;
    file += std::string((32 - file.size() % 32) % 32, '\0');
    return file + data_;
  }

 private:
  std::string keys_, tensors_, data_;
  std::uint64_t key_count_ = 0, tensor_count_ = 0;
};

}  // namespace expandft::testing
