#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace expandft {

/// The types of tensors in a GGUF file that can be read; the numbers are those of the format.
enum class GgufType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kBF16 = 30
};

/// The type with this number; nothing if it cannot be read.
std::optional<GgufType> gguf_type(std::uint32_t number);
/// "Q4_K", also of types that cannot be read; "type 99" of an unknown number.
std::string gguf_type_name(std::uint32_t number);
std::string gguf_type_name(GgufType type);

/// Numbers that are stored together, and the bytes that they take: 32 and 18 for Q4_0.
struct QuantizedBlock {
  std::int64_t numbers = 1;
  std::int64_t bytes = 0;
};
QuantizedBlock block_of(GgufType type);

/// Writes the numbers of whole blocks, in fp32: to.size() numbers, a multiple of the block's, from
/// exactly their bytes. Bit for bit what the gguf package's dequantize returns: each product and
/// sum is rounded to fp32. Layouts: https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
void dequantize(GgufType type, std::span<const std::byte> from, std::span<float> to);

/// The bfloat16 nearest to a number, halves to even. A NaN stays one.
std::uint16_t bfloat16_bits(float x);

}  // namespace expandft
