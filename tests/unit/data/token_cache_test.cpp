#include "data/token_cache.h"

#include "base/files.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "gzip.h"
#include "tokenizer/json_tokenizer.h"
#include "tokenizer/small_tokenizer.h"

#include <fstream>
#include <functional>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

/// A model's folder, rows that are large enough, and a cache.
struct Cached : TempDirectory {
  fs::path model = path() / "model", cache = path() / "cache" / "tokens";
  DatasetOptions options{.path = path() / "rows.jsonl",
                         .max_length = 24,
                         .model = model,
                         .threads = 2,
                         .cache = TokenCacheOptions{cache, in_an_hour()}};
  std::string rows;

  Cached() {
    fs::create_directory(model);
    write("model/tokenizer.json", small_tokenizer().dump());
    while (rows.size() < TokenCache::kLeastFile) {
      const std::string end = std::to_string(rows.size());
      rows += R"({"prompt": "ab abc)" + std::string(rows.size() % 7, 'c') +
              R"(", "completion": " abc a", "id": )" + end + ", \"n" + end.substr(0, 1) +
              "\": 1}\n";
    }
    write("rows.jsonl", rows);
  }
  static std::chrono::system_clock::time_point in_an_hour() {
    return std::chrono::system_clock::now() + std::chrono::hours(1);
  }
  std::unique_ptr<const Tokenizer> tokenizer() const { return Tokenizer::load(model); }
  Dataset load() const { return load_dataset(options, *tokenizer()); }
  Dataset load_without() const {
    DatasetOptions plain = options;
    plain.cache = std::nullopt;
    return load_dataset(plain, *tokenizer());
  }
  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    if (!is_folder(cache)) return found;
    for (const auto& entry : fs::directory_iterator(cache)) found.push_back(entry.path());
    return found;
  }
};

void check_equal(const Dataset& one, const Dataset& other) {
  CHECK(fingerprint(one) == fingerprint(other));
  CHECK(one.report == other.report);
  CHECK(one.notices.size() == other.notices.size());
  REQUIRE(one.examples.size() == other.examples.size());
  bool same = true;
  for (std::size_t i = 0; i < one.examples.size(); ++i) {
    same = same && one.examples.hash(i) == other.examples.hash(i) &&
           one.examples.targets(i) == other.examples.targets(i) &&
           one.examples[i].learned == other.examples[i].learned;
  }
  CHECK(same);
}

}  // namespace

TEST_CASE("a cached data set equals one that was tokenized", "[token_cache]") {
  Cached data;
  const Dataset plain = data.load_without();
  CHECK(data.entries().empty());
  CHECK(plain.report.unread.fields().size() > 2);
  check_equal(data.load(), plain);
  REQUIRE(data.entries().size() == 1);
  check_equal(data.load(), plain);
  // The entry is read: a tokenizer that would give other ids is not asked.
  Json other = small_tokenizer();
  other["model"]["merges"] = Json::array();
  const JsonTokenizer without_merges(other.dump(), "tokenizer.json", {});
  check_equal(load_dataset(data.options, without_merges), plain);
  CHECK(data.entries().size() == 1);
  // Behind other examples, too.
  Dataset both = data.load();
  append_dataset(data.options, *data.tokenizer(), both);
  CHECK(both.report.rows == 2 * plain.report.rows);
  CHECK(both.examples.back().tokens == plain.examples.back().tokens);
}

TEST_CASE("whatever changes ids or marks gives another entry", "[token_cache]") {
  Cached data;
  data.load();
  std::size_t known = 1;
  const auto expect_miss = [&](const char* what) {
    INFO(what);
    check_equal(data.load(), data.load_without());
    CHECK(data.entries().size() == ++known);
  };
  std::string changed = data.rows;
  changed[changed.find("abc")] = 'b';
  data.write("rows.jsonl", changed);
  expect_miss("a byte of the data");
  data.options.max_length = 16;
  expect_miss("max_length");
  data.options.train_on_prompt = true;
  expect_miss("train_on_prompt");
  data.options.chat_template = "chatml";
  expect_miss("chat_template");
  data.options.completion = " {completion}";
  expect_miss("a template");
  data.options.prompt = "a {prompt}";
  expect_miss("a template's prompt");
  data.options.completion = " {completion} a";
  expect_miss("another template");
  Json tokenizer = small_tokenizer();
  tokenizer["model"]["merges"].erase(2);
  data.write("model/tokenizer.json", tokenizer.dump());
  expect_miss("the tokenizer");
  data.write("model/tokenizer_config.json", R"({"eos_token": "</s>"})");
  expect_miss("a file beside the tokenizer");
  data.write("model/model.safetensors", "weights");
  data.load();
  CHECK(data.entries().size() == known);
  data.write("rows.jsonl.gz", gzip(changed + changed + changed + changed + changed + changed));
  data.options.path = data / "rows.jsonl.gz";
  if (fs::file_size(data.options.path) >= TokenCache::kLeastFile / 4) expect_miss("a packed file");
}

TEST_CASE("a damaged entry is not used, and written again", "[token_cache]") {
  Cached data;
  const Dataset plain = data.load();
  REQUIRE(data.entries().size() == 1);
  const fs::path entry = data.entries()[0];
  const std::string bytes = read_file(entry);
  std::vector<std::string> damaged = {"", "x", bytes.substr(0, bytes.size() - 1), bytes.substr(1),
                                      bytes + "x"};
  for (const std::size_t at : {std::size_t{0}, bytes.find('\n'), bytes.find('\n') + 1,
                               bytes.find('\n') + 5, bytes.size() / 2, bytes.size() - 1}) {
    damaged.push_back(bytes);
    damaged.back()[at] ^= 1;
  }
  for (const std::string& one : damaged) {
    std::ofstream(entry, std::ios::binary) << one;
    check_equal(data.load(), plain);
    CHECK(read_file(entry) == bytes);
  }
}

TEST_CASE("where nothing can be cached the data is tokenized", "[token_cache]") {
  Cached data;
  const Dataset plain = data.load_without();
  SECTION("files that may have changed after the tokenizer was loaded") {
    data.options.cache->unchanged_since = std::chrono::system_clock::now() - std::chrono::hours(1);
  }
  SECTION("a folder that cannot be made") {
    data.write("cache", "a file");
  }
  SECTION("no model") {
    data.options.model = data / "none";
    check_equal(load_dataset(data.options, *Tokenizer::load(data.model)), plain);
    CHECK(data.entries().empty());
    return;
  }
  check_equal(data.load(), plain);
  check_equal(data.load(), plain);
  CHECK(data.entries().empty());
}

TEST_CASE("small files are not cached, nor rows with errors", "[token_cache]") {
  Cached data;
  data.write("rows.jsonl", data.rows.substr(0, data.rows.find('\n')));
  data.load();
  data.write("rows.jsonl", data.rows + R"({"prompt": "a", "completion": ""})");
  CHECK_THROWS(data.load());
  CHECK_THROWS(data.load());
  CHECK(data.entries().empty());
}

TEST_CASE("the entries that were used last stay", "[token_cache]") {
  Cached data;
  fs::create_directories(data.cache);
  const auto add = [&](const char* name, std::uint64_t bytes, int hours_ago) {
    std::ofstream(data.cache / name) << "x";
    fs::resize_file(data.cache / name, bytes);  // a hole
    fs::last_write_time(data.cache / name,
                        fs::file_time_type::clock::now() - std::chrono::hours(hours_ago));
  };
  add("oldest.tokens", TokenCache::kMostBytes / 2, 3);
  add("older.tokens", TokenCache::kMostBytes - TokenCache::kLargestEntry, 2);
  add("other.json", TokenCache::kMostBytes, 4);
  data.load();
  CHECK_FALSE(is_there(data.cache / "oldest.tokens"));
  CHECK(is_there(data.cache / "older.tokens"));
  CHECK(is_there(data.cache / "other.json"));
  CHECK(data.entries().size() == 3);
}
