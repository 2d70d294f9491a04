#include "tasks/output_cache.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"

#include <fstream>

using namespace expandft;
using expandft::testing::error_of;
using expandft::testing::TempDirectory;

namespace {

PreparedTask work_of(TokenId first = 5) {
  PreparedTask work{.task = {.name = "odd name/…"}};
  for (TokenId i = 0; i < 3; ++i) {
    work.items.push_back({.example = static_cast<std::size_t>(i),
                          .requests = {{{first, i}, {static_cast<TokenId>(i + 1)}}}});
  }
  work.batches = {{2, 0}, {1}};
  return work;
}

const BatchOutputs kTwo = {{.likelihoods = {{-1.0 / 3, 1, true}}},
                           {.likelihoods = {{-2.5e-17, 1, false}}, .text = "a \u2603\n\"b\""}};
const BatchOutputs kOne = {{.text = "one"}};

fs::path only_file(const fs::path& folder) {
  return fs::directory_iterator(folder)->path();
}

void append(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::app | std::ios::binary) << text;
}

}  // namespace

TEST_CASE("outputs come back to the last bit") {
  const TempDirectory folder;
  {
    OutputCache cache(folder / "cache", work_of(), "a");
    CHECK(cache.find(0) == nullptr);
    cache.add(0, kTwo);
    CHECK_FALSE(cache.is_complete());
    cache.add(1, kOne);
    CHECK(cache.is_complete());
  }
  const OutputCache cache(folder / "cache", work_of(), "a");
  REQUIRE(cache.is_complete());
  CHECK((*cache.find(0) == kTwo));
  CHECK((*cache.find(1) == kOne));
}

TEST_CASE("another model and other work have files of their own") {
  const TempDirectory folder;
  OutputCache(folder.path(), work_of(), "a").add(1, kOne);
  CHECK(OutputCache(folder.path(), work_of(), "b").find(1) == nullptr);
  CHECK(OutputCache(folder.path(), work_of(6), "a").find(1) == nullptr);
  CHECK(OutputCache(folder.path(), work_of(), "a").find(1) != nullptr);
}

TEST_CASE("what a write that was cut off has left does not count, nor does damage") {
  const TempDirectory folder;
  OutputCache(folder.path(), work_of(), "a").add(1, kOne);
  const fs::path file = only_file(folder.path());
  const std::string tail = GENERATE(as<std::string>(), R"({"batch": 0, "outp)", "nonsense\n",
                                    R"({"batch": 9})"
                                    "\n",
                                    R"({"batch": 0, "outputs": []})"
                                    "\n",
                                    R"({"batch": "x", "outputs": 3})"
                                    "\n");
  CAPTURE(tail);
  append(file, tail);
  {
    OutputCache cache(folder.path(), work_of(), "a");
    REQUIRE(cache.find(1) != nullptr);
    CHECK(cache.find(0) == nullptr);
    cache.add(0, kTwo);
  }
  CHECK(OutputCache(folder.path(), work_of(), "a").is_complete());
}

TEST_CASE("a file with another key starts anew") {
  const TempDirectory folder;
  OutputCache(folder.path(), work_of(), "a").add(1, kOne);
  write_file_atomically(only_file(folder.path()), "{\"format\": 0}\n{}\n");
  OutputCache cache(folder.path(), work_of(), "a");
  CHECK(cache.find(1) == nullptr);
  cache.add(1, kOne);
  CHECK(OutputCache(folder.path(), work_of(), "a").find(1) != nullptr);
}

TEST_CASE("a cache that cannot be is a failure that says what to do") {
  const TempDirectory folder;
  write_file_atomically(folder / "file", "x");
  const Error error = error_of([&] { OutputCache(folder / "file", work_of(), "a"); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK_THAT(error.hint(), has_text("--no-cache"));
}

TEST_CASE("divergences come back for the same models and work alone") {
  const TempDirectory folder;
  const DivergenceCache cache(folder.path(), {{"base", "a"}, {"tuned", "b"}});
  CHECK_FALSE(cache.find(2));
  cache.put({0.25, 1.0 / 3});
  CHECK(cache.find(2) == std::vector<double>{0.25, 1.0 / 3});
  CHECK_FALSE(cache.find(3));
  CHECK_FALSE(DivergenceCache(folder.path(), {{"base", "a"}, {"tuned", "c"}}).find(2));
  write_file_atomically(only_file(folder.path()), "{\"key\": {\"base\": \"a\"");
  CHECK_FALSE(cache.find(2));
}

TEST_CASE("processes that share a file lose nothing of each other's") {
  const TempDirectory folder;
  OutputCache one(folder.path(), work_of(), "a"), other(folder.path(), work_of(), "a");
  one.add(0, kTwo);
  other.add(1, kOne);
  CHECK(OutputCache(folder.path(), work_of(), "a").is_complete());
  // A repeated key, and damage in the middle.
  const fs::path file = only_file(folder.path());
  const std::string text = read_file(file);
  const std::string key = text.substr(0, text.find('\n') + 1);
  write_file_atomically(file, key + key + "damage\n" + text.substr(key.size()));
  CHECK(OutputCache(folder.path(), work_of(), "a").is_complete());
}
