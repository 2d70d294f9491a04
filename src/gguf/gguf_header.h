#pragma once

#include "gguf/gguf_value.h"
#include "gguf/quantization.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace expandft {

/// The header of one file.
struct GgufHeader {
  /// The shape is row-major, as in safetensors: GGUF's dimensions reversed.
  struct Entry {
    GgufType type = GgufType::kF32;
    std::vector<std::int64_t> shape;
    std::size_t begin = 0, end = 0;  // bytes from the start of the file
  };
  std::map<std::string, GgufValue> metadata;
  std::map<std::string, Entry> tensors;
};

/// Parses and checks the header of a file of version 2 or 3, given all its bytes; does not read the
/// data. Input errors name `where` and the byte, key or tensor: not a GGUF file, another version or
/// byte order, a damaged header, data beyond the end or overlapping, a type that cannot be read.
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
GgufHeader parse_gguf_header(std::span<const std::byte> file, const std::string& where);

}  // namespace expandft
