#include "gguf/quantization.h"

#include "catch.h"
#include "gguf/gguf_bytes.h"

#include <limits>
#include <string>
#include <vector>

using namespace expandft;
using namespace expandft::testing;

namespace {

std::vector<float> numbers_of(GgufType type, const std::string& block) {
  REQUIRE(block.size() == static_cast<std::size_t>(block_of(type).bytes));
  std::vector<float> numbers(static_cast<std::size_t>(block_of(type).numbers));
  dequantize(type, std::as_bytes(std::span(block)), numbers);
  return numbers;
}

const std::string kOne("\x00\x3C", 2), kTwo("\x00\x40", 2), kHalf("\x00\x38", 2);  // in fp16

std::string repeated(std::size_t count, unsigned char byte) {
  return std::string(count, static_cast<char>(byte));
}

}  // namespace

TEST_CASE("Floats of GGUF files are read exactly", "[gguf]") {
  CHECK(numbers_of(GgufType::kF32, le(0.1F)) == std::vector{0.1F});
  CHECK(numbers_of(GgufType::kBF16, le(std::uint16_t{0xC049})) == std::vector{-3.140625F});
  const auto half = [](std::uint16_t bits) { return numbers_of(GgufType::kF16, le(bits)).front(); };
  CHECK(half(0x3C00) == 1.0F);
  CHECK(half(0xC000) == -2.0F);
  CHECK(half(0x7BFF) == 65504.0F);
  CHECK(half(0x0001) == 0x1p-24F);       // the least subnormal number
  CHECK(half(0x83FF) == -0x1.FF8p-15F);  // the greatest, negative
  CHECK(half(0x0400) == 0x1p-14F);
  CHECK(half(0x7C00) == std::numeric_limits<float>::infinity());
  CHECK(half(0x7E00) != half(0x7E00));
}

// Number 0 is in a low half byte, number 16 in the high half of the same byte.
TEST_CASE("Blocks of 32 are read: a scale, a minimum, the fifth bits", "[gguf]") {
  const std::string nibbles = "\x5F" + repeated(15, 0x88);
  const auto q4_0 = numbers_of(GgufType::kQ4_0, kTwo + nibbles);
  CHECK(q4_0[0] == 2.0F * (15 - 8));
  CHECK(q4_0[16] == 2.0F * (5 - 8));
  CHECK(q4_0[1] == 0.0F);
  const auto q4_1 = numbers_of(GgufType::kQ4_1, kTwo + kHalf + nibbles);
  CHECK(q4_1[0] == 2.0F * 15 + 0.5F);
  CHECK(q4_1[16] == 2.0F * 5 + 0.5F);
  const std::string fifth = le(std::uint32_t{1U << 16 | 1U << 1});
  const auto q5_0 = numbers_of(GgufType::kQ5_0, kTwo + fifth + nibbles);
  CHECK(q5_0[0] == 2.0F * (15 - 16));
  CHECK(q5_0[16] == 2.0F * (16 + 5 - 16));
  CHECK(q5_0[1] == 2.0F * (16 + 8 - 16));
  const auto q5_1 = numbers_of(GgufType::kQ5_1, kTwo + kHalf + fifth + nibbles);
  CHECK(q5_1[0] == 2.0F * 15 + 0.5F);
  CHECK(q5_1[16] == 2.0F * (16 + 5) + 0.5F);
  const auto q8_0 = numbers_of(GgufType::kQ8_0, kHalf + "\x80\x7F" + repeated(30, 3));
  CHECK(q8_0[0] == -64.0F);
  CHECK(q8_0[1] == 63.5F);
  CHECK(q8_0[31] == 1.5F);
}

TEST_CASE("Q2_K: 16 groups with a scale and a minimum of four bits each", "[gguf]") {
  std::string scales = repeated(16, 0x00);
  scales[0] = 0x23;   // scale 3, minimum 2
  scales[15] = 0x11;  // of the last group
  std::string bits = repeated(64, 0x00);
  bits[1] = 0x03;                      // number 1, in group 0
  bits[63] = static_cast<char>(0x80);  // number 255: 2
  const auto q = numbers_of(GgufType::kQ2_K, scales + bits + kTwo + kHalf);
  CHECK(q[0] == 0.0F - 0.5F * 2);
  CHECK(q[1] == 2.0F * 3 * 3 - 0.5F * 2);
  CHECK(q[255] == 2.0F * 1 * 2 - 0.5F * 1);
  CHECK(q[16] == 0.0F);
}

TEST_CASE("Q3_K: 16 groups with a signed scale of six bits each", "[gguf]") {
  std::string high = repeated(32, 0x00), low = repeated(64, 0x00), scales = repeated(12, 0x00);
  high[0] = 0x01;    // number 0 keeps its value; without the bit 4 is subtracted
  low[0] = 0x03;     // number 0: 3
  scales[0] = 0x1F;  // group 0: low half 15; group 8: low half 1
  scales[8] = 0x02;  // group 0: high bits 2, so 47 - 32 = 15
  const auto q = numbers_of(GgufType::kQ3_K, high + low + scales + kTwo);
  CHECK(q[0] == 2.0F * 15 * 3);
  CHECK(q[1] == 2.0F * 15 * -4);
  CHECK(q[128] == 2.0F * (1 - 32) * -4);  // group 8
  CHECK(q[16] == 2.0F * -32 * -4);
}

TEST_CASE("Q4_K and Q5_K: 8 groups with a scale and a minimum of six bits each", "[gguf]") {
  std::string scales = repeated(12, 0x00);
  scales[0] = static_cast<char>(0x80 | 5);  // group 0: scale 5; group 4: high bits 2
  scales[4] = 3;                            // group 0: minimum 3
  scales[8] = 0x21;                         // group 4: scale 2·16 + 1 = 33, minimum 2
  std::string nibbles = repeated(128, 0x00);
  nibbles[0] = 0x07;   // number 0: 7
  nibbles[64] = 0x0A;  // number 128, in group 4: 10
  const auto q4 = numbers_of(GgufType::kQ4_K, kTwo + kHalf + scales + nibbles);
  CHECK(q4[0] == 2.0F * 5 * 7 - 0.5F * 3);
  CHECK(q4[1] == -0.5F * 3);
  CHECK(q4[128] == 2.0F * 33 * 10 - 0.5F * 2);
  CHECK(q4[32] == 0.0F);
  std::string fifth = repeated(32, 0x00);
  fifth[0] = 0x11;  // numbers 0 and 128
  const auto q5 = numbers_of(GgufType::kQ5_K, kTwo + kHalf + scales + fifth + nibbles);
  CHECK(q5[0] == 2.0F * 5 * 23 - 0.5F * 3);
  CHECK(q5[128] == 2.0F * 33 * 26 - 0.5F * 2);
  CHECK(q5[129] == -0.5F * 2);
}

TEST_CASE("Q6_K: 16 groups with a signed scale of eight bits each", "[gguf]") {
  std::string low = repeated(128, 0x00), high = repeated(64, 0x00), scales = repeated(16, 0x01);
  low[0] = static_cast<char>(0xC5);   // number 0: low 5; number 64: low 12
  high[0] = 0x13;                     // number 0: high 3; number 64: high 1
  scales[0] = static_cast<char>(-2);  // group 0
  const auto q = numbers_of(GgufType::kQ6_K, low + high + scales + kHalf);
  CHECK(q[0] == 0.5F * -2 * (3 * 16 + 5 - 32));
  CHECK(q[64] == 0.5F * 1 * (1 * 16 + 12 - 32));
  CHECK(q[255] == 0.5F * -32);
}

TEST_CASE("Types of tensors have the names of llama.cpp", "[gguf]") {
  CHECK(gguf_type_name(14) == "Q6_K");
  CHECK(gguf_type_name(39) == "MXFP4");
  CHECK(gguf_type_name(40) == "type 40");
  CHECK(gguf_type(30) == GgufType::kBF16);
  CHECK_FALSE(gguf_type(16).has_value());
  CHECK_FALSE(gguf_type(0xFFFFFFFF).has_value());
}
