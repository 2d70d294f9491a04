#include "gguf/quantization.h"

#include "base/error.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

// Compiled without contraction to fused multiply-adds (src/CMakeLists.txt): they round once where
// the reference rounds twice.
namespace expandft {
namespace {

constexpr std::int64_t kSmall = 32, kLarge = 256;  // numbers of a block

std::uint32_t byte_at(const std::byte* from, std::int64_t i) {
  return std::to_integer<std::uint32_t>(from[i]);
}
std::int32_t signed_byte(const std::byte* from, std::int64_t i) {
  return static_cast<std::int8_t>(byte_at(from, i));
}
/// IEEE 754's binary16: a sign, five bits of exponent, ten of fraction.
float half_at(const std::byte* from) {
  const std::uint32_t bits = byte_at(from, 0) | byte_at(from, 1) << 8;
  const std::uint32_t sign = (bits & 0x8000) << 16, exponent = bits >> 10 & 31,
                      fraction = bits & 0x3FF;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000 | fraction << 13);
  if (exponent == 0) {  // a subnormal number: fraction · 2^-24, which fp32 holds exactly
    const float size = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -size : size;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}
std::uint32_t word_at(const std::byte* from) {
  return byte_at(from, 0) | byte_at(from, 1) << 8 | byte_at(from, 2) << 16 | byte_at(from, 3) << 24;
}
float as_float(std::uint32_t number) {
  return static_cast<float>(number);
}
float as_float(std::int32_t number) {
  return static_cast<float>(number);
}

void f32_block(const std::byte* from, float* to) {
  std::memcpy(to, from, sizeof(float));
}
void f16_block(const std::byte* from, float* to) {
  *to = half_at(from);
}
void bf16_block(const std::byte* from, float* to) {
  *to = std::bit_cast<float>(byte_at(from, 0) << 16 | byte_at(from, 1) << 24);
}

/// Blocks of 32: a scale, in some types a minimum and the fifth bits, and a half byte a number; the
/// first 16 numbers are in the low halves.
template <bool HasMinimum, bool HasFifthBits>
void nibble_block(const std::byte* from, float* to) {
  const float scale = half_at(from);
  from += 2;
  float minimum = 0;
  if constexpr (HasMinimum) minimum = half_at(from), from += 2;
  std::uint32_t fifth = 0;
  if constexpr (HasFifthBits) fifth = word_at(from), from += 4;
  constexpr std::int32_t kCentre = HasFifthBits ? 16 : 8;
  for (std::int64_t i = 0; i < kSmall; ++i) {
    std::uint32_t q = i < 16 ? byte_at(from, i) & 15 : byte_at(from, i - 16) >> 4;
    if constexpr (HasFifthBits) q |= (fifth >> i & 1) << 4;
    to[i] = HasMinimum ? scale * as_float(q) + minimum
                       : scale * as_float(static_cast<std::int32_t>(q) - kCentre);
  }
}

void q8_0_block(const std::byte* from, float* to) {
  const float scale = half_at(from);
  for (std::int64_t i = 0; i < kSmall; ++i) to[i] = scale * as_float(signed_byte(from, 2 + i));
}

// The blocks of 256 have 8 or 16 groups, each with its own scale; "d" and "dmin" scale the scales.

void q2_k_block(const std::byte* from, float* to) {
  const std::byte *scales = from, *two_bits = from + 16;
  const float d = half_at(from + 80), dmin = half_at(from + 82);
  for (std::int64_t i = 0; i < kLarge; ++i) {
    const std::int64_t part = i / 128, shift = i % 128 / 32 * 2, place = i % 32;
    const std::uint32_t scale = byte_at(scales, i / 16);
    const std::uint32_t q = byte_at(two_bits, part * 32 + place) >> shift & 3;
    to[i] = d * as_float(scale & 15) * as_float(q) - dmin * as_float(scale >> 4);
  }
}

/// The six bits of scale i of 16, packed in 12 bytes: low halves in the first 8, the high pairs of
/// bits in the last 4.
std::int32_t q3_k_scale(const std::byte* packed, std::int64_t i) {
  const std::uint32_t low = i < 8 ? byte_at(packed, i) & 15 : byte_at(packed, i - 8) >> 4;
  const std::uint32_t high = byte_at(packed, 8 + i % 4) >> (i / 4 * 2) & 3;
  return static_cast<std::int32_t>(low | high << 4) - 32;
}

void q3_k_block(const std::byte* from, float* to) {
  const std::byte *third_bits = from, *two_bits = from + 32, *scales = from + 96;
  const float d = half_at(from + 108);
  for (std::int64_t i = 0; i < kLarge; ++i) {
    const std::int64_t part = i / 128, shift = i % 128 / 32 * 2, place = i % 32;
    const auto q = static_cast<std::int32_t>(byte_at(two_bits, part * 32 + place) >> shift & 3);
    const bool is_high = (byte_at(third_bits, place) >> (i / 32) & 1) != 0;
    to[i] = d * as_float(q3_k_scale(scales, i / 16)) * as_float(is_high ? q : q - 4);
  }
}

/// Scale and minimum of group i of 8, six bits each, packed in 12 bytes.
std::pair<std::uint32_t, std::uint32_t> k_scale(const std::byte* packed, std::int64_t i) {
  if (i < 4) return {byte_at(packed, i) & 63, byte_at(packed, i + 4) & 63};
  const std::uint32_t low = byte_at(packed, i + 4);
  return {(low & 15) | byte_at(packed, i - 4) >> 6 << 4, low >> 4 | byte_at(packed, i) >> 6 << 4};
}

/// Q4_K, and Q5_K with its fifth bits.
template <bool HasFifthBits>
void k_block(const std::byte* from, float* to) {
  const float d = half_at(from), dmin = half_at(from + 2);
  const std::byte *scales = from + 4, *fifth = from + 16;
  const std::byte* nibbles = from + (HasFifthBits ? 48 : 16);
  for (std::int64_t group = 0; group < 8; ++group) {
    const auto [scale, minimum] = k_scale(scales, group);
    const float step = d * as_float(scale), least = dmin * as_float(minimum);
    for (std::int64_t i = 0; i < kSmall; ++i) {
      std::uint32_t q = byte_at(nibbles, group / 2 * kSmall + i) >> (group % 2 * 4) & 15;
      if constexpr (HasFifthBits) q |= (byte_at(fifth, i) >> group & 1) << 4;
      to[group * kSmall + i] = step * as_float(q) - least;
    }
  }
}

void q6_k_block(const std::byte* from, float* to) {
  const std::byte *low = from, *high = from + 128, *scales = from + 192;
  const float d = half_at(from + 208);
  for (std::int64_t i = 0; i < kLarge; ++i) {
    const std::int64_t part = i / 128, quarter = i % 128 / 32, place = i % 32;
    const std::uint32_t byte = byte_at(low, part * 64 + quarter % 2 * 32 + place);
    const std::uint32_t four = quarter < 2 ? byte & 15 : byte >> 4;
    const std::uint32_t two = byte_at(high, part * 32 + place) >> (quarter * 2) & 3;
    const auto q = static_cast<std::int32_t>(four | two << 4) - 32;
    to[i] = d * as_float(signed_byte(scales, i / 16)) * as_float(q);
  }
}

struct Format {
  GgufType type;
  QuantizedBlock block;
  void (*read)(const std::byte* from, float* to);
};

constexpr std::array kFormats{
    Format{GgufType::kF32, {1, 4}, f32_block},
    Format{GgufType::kF16, {1, 2}, f16_block},
    Format{GgufType::kBF16, {1, 2}, bf16_block},
    Format{GgufType::kQ4_0, {kSmall, 18}, nibble_block<false, false>},
    Format{GgufType::kQ4_1, {kSmall, 20}, nibble_block<true, false>},
    Format{GgufType::kQ5_0, {kSmall, 22}, nibble_block<false, true>},
    Format{GgufType::kQ5_1, {kSmall, 24}, nibble_block<true, true>},
    Format{GgufType::kQ8_0, {kSmall, 34}, q8_0_block},
    Format{GgufType::kQ2_K, {kLarge, 84}, q2_k_block},
    Format{GgufType::kQ3_K, {kLarge, 110}, q3_k_block},
    Format{GgufType::kQ4_K, {kLarge, 144}, k_block<false>},
    Format{GgufType::kQ5_K, {kLarge, 176}, k_block<true>},
    Format{GgufType::kQ6_K, {kLarge, 210}, q6_k_block},
};

const Format* find_format(std::uint32_t number) {
  for (const Format& format : kFormats) {
    if (static_cast<std::uint32_t>(format.type) == number) return &format;
  }
  return nullptr;
}

const Format& format_of(GgufType type) {
  const Format* const format = find_format(static_cast<std::uint32_t>(type));
  if (format == nullptr) throw failure("no such type of tensor", gguf_type_name(type));
  return *format;
}

}  // namespace

std::optional<GgufType> gguf_type(std::uint32_t number) {
  const Format* const format = find_format(number);
  return format != nullptr ? std::optional(format->type) : std::nullopt;
}

std::string gguf_type_name(std::uint32_t number) {
  constexpr std::array<const char*, 40> kNames{
      "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
      "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
      "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
      "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
      "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
      "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4"};
  return number < kNames.size() ? kNames[number] : "type " + std::to_string(number);
}

std::string gguf_type_name(GgufType type) {
  return gguf_type_name(static_cast<std::uint32_t>(type));
}

QuantizedBlock block_of(GgufType type) {
  return format_of(type).block;
}

void dequantize(GgufType type, std::span<const std::byte> from, std::span<float> to) {
  const Format& format = format_of(type);
  const std::byte* block = from.data();
  for (std::size_t i = 0; i < to.size(); i += static_cast<std::size_t>(format.block.numbers)) {
    format.read(block, to.data() + i);
    block += format.block.bytes;
  }
}

std::uint16_t bfloat16_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace expandft
