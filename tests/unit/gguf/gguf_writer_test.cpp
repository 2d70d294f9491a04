#include "gguf/writing/gguf_writer.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "gguf/gguf_bytes.h"
#include "gguf/gguf_file.h"

#include <cmath>

using namespace expandft;
using namespace expandft::testing;

namespace {

GgufTensorSource tensor_of(const std::string& name, Shape shape,
                           const std::vector<float>& numbers) {
  return {name, GgufType::kF32, std::move(shape), [numbers](const GgufSink& sink) {
            const auto bytes = std::as_bytes(std::span(numbers));
            sink(bytes.first(4));  // in pieces
            sink(bytes.subspan(4));
          }};
}

}  // namespace

TEST_CASE("What is written is read", "[gguf]") {
  const TempDirectory folder;
  GgufMetadata metadata;
  metadata.add_text("a.text", "Grüße");
  metadata.add_size("a.size", 4294967295);
  metadata.add_float("a.float", 1e-6);
  metadata.add_flag("a.flag", true);
  metadata.add_texts("a.texts", {"", "x y"});
  metadata.add_floats("a.floats", {0.5F, -1});
  metadata.add_integers("a.integers", {-3, 7});
  metadata.add_flags("a.flags", {true, false, true});
  const std::vector<GgufTensorSource> tensors{tensor_of("t.second", {3}, {1, 2, 3}),
                                              tensor_of("t.first", {2, 3}, {1, 2, 3, 4, 5, 6})};
  const fs::path path = folder.path() / "m.gguf";
  write_gguf(path, metadata, tensors);
  CHECK(fs::file_size(path) == gguf_file_bytes(metadata, tensors));
  CHECK(fs::file_size(path) % 32 == 0);

  const GgufFile file = GgufFile::open(path);
  CHECK(file.text("a.text") == "Grüße");
  CHECK(file.integer("a.size") == 4294967295);
  CHECK(file.number("a.float") == static_cast<double>(1e-6F));
  CHECK(file.boolean("a.flag") == true);
  CHECK(*file.texts("a.texts") == GgufTexts{"", "x y"});
  CHECK((*file.numbers("a.floats"))[1] == -1);
  CHECK((*file.numbers("a.integers"))[0] == -3);
  CHECK(file.numbers("a.flags")->size() == 3);
  CHECK((*file.numbers("a.flags"))[1] == 0);
  const GgufTensor& first = file.tensors().at("t.first");
  CHECK(first.shape == Shape{2, 3});
  std::vector<float> numbers(6);
  dequantize(first.type, first.bytes, numbers);
  CHECK(numbers == std::vector<float>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("A file is the format's bytes", "[gguf]") {
  const TempDirectory folder;
  GgufMetadata metadata;
  metadata.add_text("general.architecture", "llama");
  const fs::path path = folder.path() / "m.gguf";
  write_gguf(path, metadata, {tensor_of("t", {2}, {1, 2})});
  // Two numbers, and zeros up to the next multiple of 32.
  const std::string expected = GgufBytes()
                                   .text("general.architecture", "llama")
                                   .tensor("t", {2}, 0, le(1.0F) + le(2.0F) + std::string(24, '\0'))
                                   .bytes();
  CHECK(read_file(path) == expected);
}

TEST_CASE("What cannot be written is a failure", "[gguf]") {
  const TempDirectory folder;
  const fs::path path = folder.path() / "m.gguf";
  GgufMetadata metadata;
  CHECK_THROWS_AS(metadata.add_size("k", -1), Error);
  CHECK_THROWS_AS(metadata.add_size("k", 1LL << 32), Error);
  const auto twice = tensor_of("t", {2}, {1, 2});
  CHECK_THROWS_AS(write_gguf(path, {}, {twice, twice}), Error);
  CHECK_THROWS_AS(write_gguf(path, {}, {tensor_of("t", {3}, {1, 2})}), Error);
}
