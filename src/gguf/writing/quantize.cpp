#include "gguf/writing/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

// Compiled without contraction to fused multiply-adds, as quantization.cpp.
namespace expandft {
namespace {

constexpr std::size_t kBlockNumbers = 32;

/// IEEE 754's binary16, to nearest even; larger numbers become infinite.
std::uint16_t half_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7FFFFFFF;
  constexpr std::uint32_t kInfinity = 0x7F800000, kSmallestNormal = 113U << 23;
  if (rest > kInfinity) return static_cast<std::uint16_t>(sign | 0x7E00);  // NaN
  std::uint32_t half = 0;
  if (rest < kSmallestNormal) {
    // A subnormal number: a multiple of 2^-24. The sum with 0.5 has its last bit there, so that
    // the addition rounds to nearest even.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) + 0.5F) - (126U << 23);
  } else {
    half = (rest - (112U << 23) + 0xFFF + (rest >> 13 & 1)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | std::min(half, std::uint32_t{0x7C00}));
}

void put_word(std::uint16_t word, std::byte* to) {
  std::memcpy(to, &word, sizeof word);
}

/// To the nearest integer, halves away from 0.
float nearest_integer(float x) {
  const float size = std::abs(x), floor = std::floor(size);
  return std::copysign(floor + std::floor(2 * (size - floor)), x);
}

float inverse_of_scale(float scale) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  return std::isfinite(inverse) ? inverse
                                : 0;  // of numbers that are all far below the scale's type
}

/// A scale, and a byte a number from -127 to 127.
void q8_0_from(const float* from, std::byte* to) {
  float largest = 0;
  for (std::size_t i = 0; i < kBlockNumbers; ++i) largest = std::max(largest, std::abs(from[i]));
  const float scale = largest / 127, inverse = inverse_of_scale(scale);
  put_word(half_bits(scale), to);
  for (std::size_t i = 0; i < kBlockNumbers; ++i) {
    const float scaled = from[i] * inverse;
    to[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(nearest_integer(scaled)));
  }
}

/// A scale that makes -8 of the number of the largest size, and half a byte a number, from 0 for -8
/// to 15 for 7. The first 16 numbers are in the low halves.
void q4_0_from(const float* from, std::byte* to) {
  float largest = 0;
  for (std::size_t i = 0; i < kBlockNumbers; ++i) {
    if (std::abs(from[i]) > std::abs(largest)) largest = from[i];
  }
  const float scale = largest / -8, inverse = inverse_of_scale(scale);
  put_word(half_bits(scale), to);
  const auto half_byte = [&](std::size_t i) {
    const float scaled = from[i] * inverse;
    const float shifted = scaled + 8.5F;
    return static_cast<std::uint8_t>(std::min(shifted, 15.0F));
  };
  for (std::size_t i = 0; i < kBlockNumbers / 2; ++i) {
    to[2 + i] = static_cast<std::byte>(half_byte(i) | half_byte(i + kBlockNumbers / 2) << 4);
  }
}

}  // namespace

const std::vector<GgufType>& written_gguf_types() {
  static const std::vector<GgufType> types{GgufType::kF32, GgufType::kF16, GgufType::kBF16,
                                           GgufType::kQ8_0, GgufType::kQ4_0};
  return types;
}

std::optional<GgufType> written_gguf_type(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  for (const GgufType type : written_gguf_types()) {
    if (gguf_type_name(type) == upper) return type;
  }
  return std::nullopt;
}

std::int64_t gguf_file_type(GgufType type) {
  switch (type) {
    case GgufType::kF16:
      return 1;
    case GgufType::kQ4_0:
      return 2;
    case GgufType::kQ8_0:
      return 7;
    case GgufType::kBF16:
      return 32;
    default:
      return 0;
  }
}

bool holds_exactly(GgufType to, GgufType from) {
  return to == from || to == GgufType::kF32;
}

void quantize(GgufType type, std::span<const float> from, std::span<std::byte> to) {
  switch (type) {
    case GgufType::kF32:
      std::memcpy(to.data(), from.data(), from.size_bytes());
      break;
    case GgufType::kF16:
      for (std::size_t i = 0; i < from.size(); ++i) put_word(half_bits(from[i]), &to[2 * i]);
      break;
    case GgufType::kBF16:
      for (std::size_t i = 0; i < from.size(); ++i) put_word(bfloat16_bits(from[i]), &to[2 * i]);
      break;
    default: {
      const auto bytes = static_cast<std::size_t>(block_of(type).bytes);
      for (std::size_t i = 0; i < from.size() / kBlockNumbers; ++i) {
        const float* const numbers = &from[i * kBlockNumbers];
        std::byte* const block = &to[i * bytes];
        type == GgufType::kQ8_0 ? q8_0_from(numbers, block) : q4_0_from(numbers, block);
      }
    }
  }
}

}  // namespace expandft
