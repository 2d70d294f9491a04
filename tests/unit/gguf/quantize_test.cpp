#include "gguf/writing/quantize.h"

#include "catch.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

using namespace expandft;

namespace {

std::string hex_of(GgufType type, const std::vector<float>& numbers) {
  const QuantizedBlock block = block_of(type);
  std::vector<std::byte> bytes(numbers.size() / static_cast<std::size_t>(block.numbers) *
                               static_cast<std::size_t>(block.bytes));
  quantize(type, numbers, bytes);
  std::string text;
  for (const std::byte byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(byte));
    text += digits;
  }
  return text;
}

std::vector<std::uint16_t> words_of(GgufType type, const std::vector<float>& numbers) {
  std::vector<std::uint16_t> words(numbers.size());
  quantize(type, numbers, std::as_writable_bytes(std::span(words)));
  return words;
}

/// Three blocks: two of numbers that fp32 holds exactly, and one of zeros but for two numbers of
/// the same size.
std::vector<float> block_numbers() {
  std::vector<float> numbers;
  for (int i = 0; i < 96; ++i) {
    const auto size = static_cast<float>(i * 37 % 101 - 50) / 16;
    numbers.push_back(i < 64 ? std::ldexp(size, i % 7 - 3) : 0);
  }
  numbers[70] = 1e-3F;
  numbers[71] = -1e-3F;
  return numbers;
}

}  // namespace

// The expected bytes are those of quantize in the gguf package 0.19.
TEST_CASE("Blocks are quantised bit for bit as the gguf package does", "[gguf]") {
  CHECK(hex_of(GgufType::kQ8_0, block_numbers()) ==
        "0a31feff05f0fe36a10004fc07dbf056fe0007f5084bca01fcff0ce5057fff010afa"
        "0c320fcaf501fd010ef215810002fa0018db1802ff03f1fb26a30003fc0420ec3afe"
        "84000000000000007f81000000000000000000000000000000000000000000000000");
  CHECK(hex_of(GgufType::kQ4_0, block_numbers()) ==
        "00c188988839b8858e8878a8880a89837888"
        "0042a98587887888a92789808888a878ca86"
        "1988888888888888808f8888888888888888");
}

TEST_CASE("Floats are rounded to nearest even", "[gguf]") {
  const std::vector<float> halves{0,          -0.0F,    1,        1 + 0x1p-11F, 1 + 0x3p-11F,
                                  65504,      65519.9F, 0x1p-14F, 0x1p-24F,     0x1p-25F,
                                  0x1.8p-24F, 0x1p-26F, -0.1F,    3.14159265F,  1e-7F};
  CHECK(words_of(GgufType::kF16, halves) ==
        std::vector<std::uint16_t>{0x0, 0x8000, 0x3c00, 0x3c00, 0x3c02, 0x7bff, 0x7bff, 0x400, 0x1,
                                   0x0, 0x2, 0x0, 0xae66, 0x4248, 0x2});
  CHECK(words_of(GgufType::kF16, {65520, -1e30F}) == std::vector<std::uint16_t>{0x7c00, 0xfc00});
  CHECK(words_of(GgufType::kBF16,
                 {1 + 0x1p-8F, 1 + 0x3p-8F, 1 + 0x1p-8F + 0x1p-20F, 3.3895313e38F, 1e-40F}) ==
        std::vector<std::uint16_t>{0x3f80, 0x3f82, 0x3f81, 0x7f7f, 0x1});
  CHECK(hex_of(GgufType::kF32, {1.0F}) == "0000803f");
}

TEST_CASE("Every half and bfloat16 survives being read and written", "[gguf]") {
  for (const GgufType type : {GgufType::kF16, GgufType::kBF16}) {
    const std::uint32_t infinity = type == GgufType::kF16 ? 0x7C00 : 0x7F80;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      if ((bits & infinity) == infinity) continue;
      const std::vector<std::uint16_t> word{static_cast<std::uint16_t>(bits)};
      std::vector<float> number(1);
      dequantize(type, std::as_bytes(std::span(word)), number);
      if (words_of(type, number) != word) FAIL("bits " << bits);
    }
  }
}

TEST_CASE("Numbers far below a block's scale are zeros", "[gguf]") {
  const std::vector<float> tiny(32, std::numeric_limits<float>::denorm_min());
  CHECK(hex_of(GgufType::kQ8_0, tiny) == std::string(68, '0'));
  CHECK(hex_of(GgufType::kQ8_0, std::vector<float>(32, 0)) == std::string(68, '0'));
}

TEST_CASE("Types are named as in GGUF, in either case", "[gguf]") {
  CHECK(written_gguf_type("Q8_0") == GgufType::kQ8_0);
  CHECK(written_gguf_type("bf16") == GgufType::kBF16);
  CHECK_FALSE(written_gguf_type("Q4_K"));
  CHECK(gguf_file_type(GgufType::kQ8_0) == 7);
  CHECK(holds_exactly(GgufType::kF32, GgufType::kBF16));
  CHECK_FALSE(holds_exactly(GgufType::kF16, GgufType::kBF16));
}
