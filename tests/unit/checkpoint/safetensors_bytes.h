#pragma once

#include "checkpoint/safetensors.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace expandft::testing {

/// A safetensors file with the given header and number of data bytes.
inline std::string safetensors_bytes(const std::string& header, std::size_t data_bytes) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(std::uint64_t{header.size()} >> (8 * i));
  text += header;
  for (std::size_t i = 0; i < data_bytes; ++i) text += static_cast<char>(i);
  return text;
}

/// A source with the given bytes.
inline TensorSource source(std::string name, Dtype dtype, Shape shape, std::string bytes) {
  return {std::move(name), dtype, std::move(shape),
          [bytes = std::move(bytes)](std::span<std::byte> out) {
            if (out.size() != bytes.size()) throw std::runtime_error("span of another size");
            if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size());
          }};
}

inline std::string bytes_of(const TensorView& view) {
  return {reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()};
}

}  // namespace expandft::testing
