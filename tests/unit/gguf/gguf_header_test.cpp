#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "gguf/gguf_bytes.h"
#include "gguf/gguf_file.h"

#include <limits>

using namespace expandft;
using namespace expandft::testing;

namespace {

using Type = GgufValueType;

GgufHeader parsed(const std::string& file) {
  return parse_gguf_header(std::as_bytes(std::span(file)), "m.gguf");
}
void check_header_refused(const std::string& file, const std::vector<std::string>& parts) {
  std::vector<std::string> all = parts;
  all.emplace_back("m.gguf");
  expect_input_error([&] { parsed(file); }, all);
}

GgufBytes two_tensors() {
  return GgufBytes()
      .text("general.architecture", "llama")
      .u32("llama.block_count", 3)
      .numbers<std::uint8_t>("bytes", Type::kUint8, {7, 255})
      .texts("words", {"a", ""})
      .filled("w", {3, 2})
      .filled("v", {1});
}

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("A GGUF header is read", "[gguf]") {
  for (const std::uint32_t version : {2U, 3U}) {
    const std::string file = two_tensors().bytes(version);
    const GgufHeader header = parsed(file);
    CHECK(std::get<std::uint64_t>(header.metadata.at("llama.block_count").value) == 3);
    CHECK(std::get<std::string_view>(header.metadata.at("general.architecture").value) == "llama");
    CHECK(std::get<GgufTexts>(header.metadata.at("words").value) == GgufTexts{"a", ""});
    const auto& numbers = std::get<GgufNumbers>(header.metadata.at("bytes").value);
    REQUIRE(numbers.size() == 2);
    CHECK(numbers[1] == 255);
    const auto& w = header.tensors.at("w");
    CHECK(w.shape == std::vector<std::int64_t>{2, 3});
    CHECK(w.end - w.begin == 24);
    CHECK(w.begin % 32 == 0);
    CHECK(header.tensors.at("v").begin == w.begin + 32);
  }
}

TEST_CASE("Arrays of every type of numbers are read", "[gguf]") {
  const std::string file = GgufBytes()
                               .numbers<std::int8_t>("i8", Type::kInt8, {-3})
                               .numbers<std::uint16_t>("u16", Type::kUint16, {65535})
                               .numbers<std::int16_t>("i16", Type::kInt16, {-300})
                               .numbers<std::uint32_t>("u32", Type::kUint32, {4000000000U})
                               .numbers<std::int32_t>("i32", Type::kInt32, {-70000})
                               .numbers<float>("f32", Type::kFloat32, {0.5F})
                               .numbers<std::uint8_t>("bool", Type::kBool, {1})
                               .numbers<std::uint64_t>("u64", Type::kUint64, {1ULL << 40})
                               .numbers<std::int64_t>("i64", Type::kInt64, {-(1LL << 40)})
                               .numbers<double>("f64", Type::kFloat64, {0.1})
                               .bytes();
  const GgufHeader header = parsed(file);
  const auto first = [&](const char* key) {
    return std::get<GgufNumbers>(header.metadata.at(key).value)[0];
  };
  CHECK(first("i8") == -3);
  CHECK(first("u16") == 65535);
  CHECK(first("i16") == -300);
  CHECK(first("u32") == 4e9);
  CHECK(first("i32") == -70000);
  CHECK(first("f32") == 0.5);
  CHECK(first("bool") == 1);
  CHECK(first("u64") == 1099511627776.0);
  CHECK(first("i64") == -1099511627776.0);
  CHECK(first("f64") == 0.1);
}

TEST_CASE("A GGUF file cut short at any byte is refused", "[gguf]") {
  const std::string file = two_tensors().bytes();
  for (std::size_t size = 0; size < file.size(); ++size) {
    INFO("cut at " << size);
    check_header_refused(file.substr(0, size), {});
  }
}

TEST_CASE("Files that are not GGUF of version 2 or 3 are refused by what they are", "[gguf]") {
  check_header_refused("", {"does not begin with \"GGUF\""});
  check_header_refused("PK\3\4 and more", {"does not begin with \"GGUF\""});
  check_header_refused("version https://git-lfs.github.com/spec/v1\n",
                       {"Git LFS pointer", "git lfs pull"});
  check_header_refused(two_tensors().bytes(1), {"found GGUF version 1, expected 2 or 3"});
  check_header_refused(two_tensors().bytes(4), {"found GGUF version 4"});
  check_header_refused(two_tensors().bytes(3U << 24), {"big-endian"});
}

TEST_CASE("Counts that the file cannot hold are refused before memory is taken", "[gguf]") {
  const std::string start = "GGUF" + le(3U);
  check_header_refused(start + le(kHuge) + le(std::uint64_t{0}), {"tensors", "can hold"});
  check_header_refused(start + le(std::uint64_t{0}) + le(kHuge), {"metadata keys", "can hold"});
  check_header_refused(
      start + le(std::uint64_t{0}) + le(std::uint64_t{1}) + le(kHuge) + std::string(32, 'x'),
      {"text of 18446744073709551615 bytes"});
  for (const Type type : {Type::kUint8, Type::kFloat64, Type::kString}) {
    check_header_refused(
        GgufBytes().key("k", Type::kArray, value_type(type) + le(kHuge / 2)).bytes(),
        {"array elements", "can hold"});
  }
}

TEST_CASE("Damaged metadata names its key", "[gguf]") {
  check_header_refused(GgufBytes().u32("k", 1).u32("k", 1).bytes(),
                       {"the key occurs twice", "key \"k\""});
  check_header_refused(GgufBytes().u32("", 1).bytes(), {"empty or not UTF-8"});
  check_header_refused(GgufBytes().u32("\xff", 1).bytes(), {"empty or not UTF-8"});
  check_header_refused(GgufBytes().key("k", Type::kBool, "\2").bytes(),
                       {"the boolean 2", "key \"k\""});
  check_header_refused(GgufBytes().key("k", static_cast<Type>(13), le(0U)).bytes(),
                       {"a value of type 13", "key \"k\""});
  check_header_refused(
      GgufBytes().key("k", Type::kArray, value_type(Type::kArray) + le(kHuge)).bytes(),
      {"an array of type 9", "key \"k\""});
  for (const std::uint32_t alignment : {0U, 7U, 1U << 21}) {
    check_header_refused(GgufBytes().u32("general.alignment", alignment).bytes(),
                         {"a multiple of 8", "general.alignment"});
  }
}

TEST_CASE("Damaged tensors are named", "[gguf]") {
  const std::string four = std::string(16, '\0');
  const auto one = [&](const std::vector<std::uint64_t>& dimensions, std::uint32_t type = 0,
                       std::uint64_t offset = 0) {
    return GgufBytes().tensor_at("w", dimensions, type, offset, four).bytes();
  };
  CHECK(parsed(one({4})).tensors.size() == 1);
  check_header_refused(one({}), {"0 dimensions", "tensor \"w\""});
  check_header_refused(one({1, 1, 1, 1, 1}), {"5 dimensions", "tensor \"w\""});
  check_header_refused(one({4, 0}), {"a dimension of 0", "tensor \"w\""});
  check_header_refused(one({1ULL << 40, 1ULL << 40}), {"a dimension of", "tensor \"w\""});
  check_header_refused(one({kHuge}), {"a dimension of", "tensor \"w\""});
  check_header_refused(one({5}), {"ends beyond the end", "tensor \"w\""});
  check_header_refused(one({4}, 0, kHuge - 31), {"ends beyond the end", "tensor \"w\""});
  check_header_refused(one({4}, 0, 8), {"a multiple of 32", "tensor \"w\""});
  check_header_refused(one({4}, 12), {"a multiple of 256 for Q4_K", "tensor \"w\""});
  check_header_refused(one({256}, 16), {"found the type IQ2_XXS", "Q8_0", "tensor \"w\""});
  check_header_refused(one({256}, 24), {"found the type I8", "tensor \"w\""});
  check_header_refused(one({256}, 999), {"found the type type 999", "tensor \"w\""});
  check_header_refused(GgufBytes().filled("w", {1}).filled("w", {1}).bytes(),
                       {"the tensor occurs twice", "tensor \"w\""});
  check_header_refused(GgufBytes().filled("", {1}).bytes(), {"name that is empty"});
  check_header_refused(GgufBytes()
                           .tensor_at("a", {16}, 0, 0, std::string(64, '\0'))
                           .tensor_at("b", {8}, 0, 32, "")
                           .bytes(),
                       {"overlaps that of \"a\"", "tensor \"b\""});
}

TEST_CASE("The parts of a GGUF file are read as one", "[gguf]") {
  const TempDirectory folder;
  const auto part = [](std::uint16_t count) {
    return GgufBytes().key("split.count", Type::kUint16, le(count));
  };
  const auto first = folder.write("m-00001-of-00002.gguf", part(2).filled("a", {1}).bytes());
  expect_input_error([&] { GgufFile::open(first); }, {"part 2 of 2 is missing"});
  const auto second = folder.write("m-00002-of-00002.gguf", GgufBytes().filled("b", {1}).bytes());
  CHECK(GgufFile::open(first).tensors().size() == 2);
  expect_input_error([&] { GgufFile::open(second); }, {"this is part 2 of 2", "m-00001-of-00002"});
  folder.write("m-00002-of-00002.gguf", GgufBytes().filled("a", {1}).bytes());
  expect_input_error([&] { GgufFile::open(first); }, {"\"a\" is in another part too"});
  const auto renamed = folder.write("m.gguf", part(2).filled("a", {1}).bytes());
  expect_input_error([&] { GgufFile::open(renamed); }, {"split.count", "-00001-of-00002.gguf"});
}
