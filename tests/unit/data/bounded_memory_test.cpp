// The memory for loading does not grow with the data: the peak of a child process, by VmHWM.
#include "base/json.h"
#include "base/temp_directory.h"
#include "base/utf8.h"
#include "catch.h"
#include "data/packing.h"
#include "gzip.h"

#include <fstream>
#include <functional>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

constexpr std::size_t kDataBytes = 32u << 20;

std::int64_t memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1)) * 1024;
  }
  throw std::runtime_error("no " + key);
}

/// The most bytes by which the memory of a child process grows during `work`.
std::int64_t peak_growth(const std::function<void()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
    std::int64_t growth = -1;
    try {
      ::malloc_trim(0);  // memory that other tests freed would be used without growth
      std::ofstream("/proc/self/clear_refs") << "5";  // resets the peak
      const std::int64_t before = memory("VmRSS");
      work();
      growth = memory("VmHWM") - before;
    } catch (...) {
    }
    const bool told = ::write(ends[1], &growth, sizeof growth) == sizeof growth;
    ::_exit(told ? 0 : 1);
  }
  std::int64_t growth = -1;
  const bool heard = ::read(ends[0], &growth, sizeof growth) == sizeof growth;
  ::close(ends[0]);
  ::close(ends[1]);
  ::waitpid(child, nullptr, 0);
  if (!heard || growth < 0) throw std::runtime_error("the child process failed");
  return growth;
}

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
