#include "base/temp_directory.h"
#include "catch.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_bytes.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

Error parse_error(const std::string& file) {
  return error_of(
      [&] { parse_safetensors_header(std::as_bytes(std::span(file)), "m.safetensors"); });
}

/// Checks the error for a damaged header: code, file name, parts of message and place, hint.
void check_refused(const std::string& header, std::size_t data_bytes, const std::string& what,
                   const std::string& where = "m.safetensors") {
  const Error error = parse_error(safetensors_bytes(header, data_bytes));
  INFO(header << " gave: " << error.what());
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.message(), what));
  CHECK(has(error.where(), where));
  CHECK(has(error.where(), "m.safetensors"));
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"w\":" + entry(dtype, shape, offsets) + "}";
}

}  // namespace

TEST_CASE("A header is read", "[safetensors]") {
  const std::string file = safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},"b":)" + entry("\"BF16\"", "[2,3]", "[4,16]") + ",\"a\":" +
          entry("\"F32\"", "[]", "[0,4]") + ",\"e\":" + entry("\"I8\"", "[0,7]", "[16,16]") + "}  ",
      16);
  const SafetensorsHeader header = parse_safetensors_header(std::as_bytes(std::span(file)), "x");
  REQUIRE(header.tensors.size() == 3);
  const std::size_t start = file.size() - 16;
  CHECK(header.tensors.at("a").dtype == Dtype::kF32);
  CHECK(header.tensors.at("a").shape.empty());
  CHECK(header.tensors.at("b").shape == Shape{2, 3});
  CHECK(header.tensors.at("b").begin == start + 4);
  CHECK(header.tensors.at("b").end == start + 16);
  CHECK(header.tensors.at("e").shape == Shape{0, 7});
  CHECK(header.metadata == std::map<std::string, std::string>{{"format", "pt"}});
  const std::string none = safetensors_bytes("{}", 0);
  CHECK(parse_safetensors_header(std::as_bytes(std::span(none)), "x").tensors.empty());
}

TEST_CASE("Other files are refused", "[safetensors]") {
  CHECK(has(parse_error("").message(), "found 0 bytes, expected at least 8"));
  CHECK(has(parse_error("abc").message(), "found 3 bytes"));
  CHECK(has(parse_error("<!DOCTYPE html>").message(), "expected at most 100000000"));
  CHECK(has(parse_error("<!DOCTYPE html>").hint(), "download"));
  const Error pointer =
      parse_error("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n");
  CHECK(has(pointer.message(), "Git LFS pointer"));
  CHECK(has(pointer.hint(), "git lfs pull"));
  CHECK(has(parse_error(std::string("\x20\0\0\0\0\0\0\0{}", 10)).message(),
            "expected it to end inside the file"));
  CHECK(has(parse_error(std::string(8, '\0')).message(), "found no \"{\""));
  check_refused("[]", 0, "found no \"{\"");
  check_refused(" {}", 0, "found no \"{\"");
  check_refused("{\"w\":}", 0, "not valid JSON", "header:1:6");
  check_refused("{} x", 0, "not valid JSON");
  check_refused(std::string("{}\0\0", 4), 0, "NUL");
}

TEST_CASE("Each field of a tensor is checked", "[safetensors]") {
  const std::string place = "tensor \"w\"";
  check_refused("{\"w\":7}", 0, "expected an object", place);
  check_refused(R"({"w":{"shape":[],"data_offsets":[0,1]}})", 1, "no \"dtype\"", place);
  check_refused(R"({"w":{"dtype":"U8","data_offsets":[0,1]}})", 1, "no \"shape\"", place);
  check_refused(R"({"w":{"dtype":"U8","shape":[]}})", 1, "no \"data_offsets\"", place);
  check_refused(one("\"F4\"", "[]", "[0,1]"), 1, "found the dtype \"F4\", expected one of F64",
                place);
  check_refused(one("3", "[]", "[0,1]"), 1, "found the dtype 3", place);
  check_refused(one("\"U8\"", "4", "[0,4]"), 4, "found the shape 4, expected an array", place);
  check_refused(one("\"U8\"", "[-1]", "[0,4]"), 4, "found -1 in the shape", place);
  check_refused(one("\"U8\"", "[1.0]", "[0,1]"), 1, "found 1.0 in the shape", place);
  check_refused(one("\"U8\"", "[null]", "[0,1]"), 1, "found null in the shape", place);
  check_refused(one("\"U8\"", "[9223372036854775808]", "[0,1]"), 1, "in the shape", place);
  check_refused(one("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "overflows", place);
  check_refused(one("\"F32\"", "[0,4294967296,4294967296]", "[0,0]"), 0, "overflows", place);
  check_refused(one("\"U8\"", "[4]", "[0]"), 4, "expected two integers", place);
  check_refused(one("\"U8\"", "[4]", "[0,4,4]"), 4, "expected two integers", place);
  check_refused(one("\"U8\"", "[4]", "{\"0\":0}"), 4, "expected two integers", place);
  check_refused(one("\"U8\"", "[4]", "[-4,0]"), 4, "expected two integers", place);
  check_refused(one("\"U8\"", "[4]", "[0,4.0]"), 4, "expected two integers", place);
  check_refused(one("\"U8\"", "[4]", "[4,0]"), 4, "expected them in order", place);
  check_refused(one("\"U8\"", "[4]", "[0,4]"), 3, "but the file holds 3 bytes", place);
  check_refused(one("\"U8\"", "[4]", "[18446744073709551612,18446744073709551615]"), 4,
                "but the file holds", place);
  check_refused(one("\"BF16\"", "[3]", "[0,4]"), 4, "found 4 bytes, expected 6 for BF16 [3]",
                place);
  check_refused(one("\"U8\"", "[]", "[0,0]"), 0, "found 0 bytes, expected 1", place);
}

TEST_CASE("Tensors must cover the data once", "[safetensors]") {
  const std::string a = "{\"a\":" + entry("\"U8\"", "[4]", "[0,4]") + ",\"b\":";
  check_refused(a + entry("\"U8\"", "[4]", "[3,7]") + "}", 7, "overlaps", "tensor \"b\"");
  check_refused(a + entry("\"U8\"", "[4]", "[0,4]") + "}", 4, "overlaps", "tensor \"b\"");
  check_refused(a + entry("\"U8\"", "[4]", "[5,9]") + "}", 9, "hole", "tensor \"b\"");
  check_refused(a + entry("\"U8\"", "[4]", "[4,8]") + "}", 9, "1 bytes after the last tensor");
  check_refused(one("\"U8\"", "[4]", "[1,5]"), 5, "hole", "tensor \"w\"");
  check_refused("{}", 3, "3 bytes after the last tensor");
  // An empty tensor inside another one does not start where the one before it ends.
  check_refused(a + entry("\"U8\"", "[0]", "[2,2]") + "}", 4, "overlaps", "tensor \"b\"");
}

TEST_CASE("Duplicate names and foreign metadata are refused", "[safetensors]") {
  const std::string tensor = entry("\"U8\"", "[1]", "[0,1]");
  check_refused("{\"w\":" + tensor + ",\"w\":" + tensor + "}", 1, "\"w\" appears twice",
                "header:1:");
  check_refused(R"({"__metadata__":{"step":3}})", 0, "found 3 for \"step\", expected a string",
                "__metadata__");
  check_refused(R"({"__metadata__":["pt"]})", 0, "expected an object of strings", "__metadata__");
}

TEST_CASE("Every truncation of a file is refused", "[safetensors]") {
  const std::string file = safetensors_bytes(one("\"U8\"", "[4]", "[0,4]"), 4);
  CHECK(parse_safetensors_header(std::as_bytes(std::span(file)), "x").tensors.size() == 1);
  for (std::size_t size = 0; size < file.size(); ++size) {
    CHECK(parse_error(file.substr(0, size)).code() == ExitCode::kBadInput);
  }
}

TEST_CASE("A file is mapped, and views outlive the object", "[safetensors]") {
  const TempDirectory directory;
  write_file_atomically(directory / "a.safetensors",
                        safetensors_bytes(one("\"U8\"", "[2,2]", "[0,4]"), 4));
  const TensorView view = SafetensorsFile::open(directory / "a.safetensors").tensors().at("w");
  CHECK(view.shape == Shape{2, 2});
  CHECK(bytes_of(view) == std::string("\0\1\2\3", 4));
  CHECK(view.file->path() == directory / "a.safetensors");
  const Error missing = error_of([&] { SafetensorsFile::open(directory / "b.safetensors"); });
  CHECK(missing.code() == ExitCode::kBadInput);
  write_file_atomically(directory / "empty.safetensors", "");
  CHECK(has(error_of([&] { SafetensorsFile::open(directory / "empty.safetensors"); }).message(),
            "found 0 bytes"));
}

TEST_CASE("A file written by the Python package is read", "[safetensors]") {
  const SafetensorsFile file = SafetensorsFile::open(fs::path(EXPANDFT_TEST_DATA) /
                                                     "unit/checkpoint/data/python.safetensors");
  CHECK(file.metadata().at("format") == "pt");
  REQUIRE(file.tensors().size() == 5);
  const TensorView& floats = file.tensors().at("float32");
  CHECK(floats.dtype == Dtype::kF32);
  CHECK(floats.shape == Shape{2, 3});
  float values[6];
  std::memcpy(values, floats.bytes.data(), sizeof values);
  for (int i = 0; i < 6; ++i) CHECK(values[i] == 0.5f * static_cast<float>(i));
  CHECK(bytes_of(file.tensors().at("bfloat16")) == std::string("\x80\x3f\x00\xc0", 4));  // 1, -2
  CHECK(bytes_of(file.tensors().at("float16")) == std::string("\x00\x3c", 2));           // 1
  CHECK(file.tensors().at("scalar").shape.empty());
  CHECK(file.tensors().at("scalar").dtype == Dtype::kI64);
  CHECK(file.tensors().at("empty").shape == Shape{0, 4});
}
