// The memory for loading does not grow with the data: the peak of a child process, by VmHWM.
#include "base/json.h"
#include "base/temp_directory.h"
#include "base/utf8.h"
#include "catch.h"
#include "data/packing.h"
#include "gzip.h"
#include "peak_growth.h"

#include <unistd.h>

using namespace expandft;
using expandft::testing::peak_growth;
using expandft::testing::TempDirectory;

namespace {

constexpr std::size_t kDataBytes = 32u << 20;

/// Real text, repeated.
std::string long_text() {
  const std::string stories = read_file(fs::path(EXPANDFT_DATA) / "tinystories.valid.txt");
  std::string text;
  while (text.size() < kDataBytes) text += stories;
  return text;
}

std::string long_rows() {
  const std::string stories = read_file(fs::path(EXPANDFT_DATA) / "tinystories.valid.txt");
  std::string rows;
  for (std::size_t at = 0; rows.size() < kDataBytes; at = (at + 700) % (stories.size() - 700)) {
    rows +=
        Json{{"text", replace_invalid_utf8(stories.substr(at, 700), Replacing::kEachByte)}}.dump() +
        "\n";
  }
  return rows;
}

}  // namespace

TEST_CASE("the memory for loading and reading data does not grow with it", "[bounded_memory]") {
  const std::string name = GENERATE(as<std::string>{}, "text.txt", "rows.jsonl.gz");
  CAPTURE(name);
  const TempDirectory directory;
  const Json golden =
      read_json(fs::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers" / "json" / "llama3.json");
  directory.write("tokenizer.json", golden["tokenizer"].dump());
  const auto tokenizer = Tokenizer::load(directory.path());
  {
    const std::string bytes = name == "text.txt" ? long_text() : long_rows();
    directory.write(name, name.ends_with(".gz") ? gzip(bytes) : bytes);
  }
  const auto load = [&](std::size_t memory_limit) {
    DataConfig data;
    data.max_length = 512;
    Dataset dataset{.examples = ExampleStore(memory_limit)};
    append_dataset({.path = directory.path() / name, .max_length = 512, .piece_bytes = 1 << 18},
                   *tokenizer, dataset);
    if (fingerprint(dataset).empty() || first_epoch({dataset, data, 1}).packs == 0) _exit(1);
    for (const Pack& pack : epoch_order(dataset, 512, true, true, 7, 0)) {
      for (const std::uint32_t example : pack) {
        if (dataset.examples[example].tokens.empty()) _exit(1);
      }
    }
  };
  // 12 M tokens: 60 MB of ids and marks, and 32 MB of text.
  CHECK(peak_growth([&] { load(1 << 20); }) < (24 << 20));
  if (name == "text.txt") {  // the measurement sees memory in use
    CHECK(peak_growth([&] { load(std::size_t{1} << 30); }) > (48 << 20));
  }
}
