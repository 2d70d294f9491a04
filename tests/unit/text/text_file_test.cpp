#include "text/text_file.h"

#include "catch.h"
#include "expect_error.h"
#include "gzip.h"
#include "temporary_directory.h"

#include <zlib.h>

using namespace expandft;

namespace {

std::vector<std::pair<std::int64_t, std::string>> rows_of(std::string_view text) {
  std::vector<std::pair<std::int64_t, std::string>> rows;
  for_each_json_line(text, "d.jsonl", [&](const Json& row, std::int64_t line) {
    rows.emplace_back(line, row.dump());
  });
  return rows;
}

}  // namespace

TEST_CASE("JSON lines give rows with their line numbers", "[text_file]") {
  using Rows = std::vector<std::pair<std::int64_t, std::string>>;
  const Rows expected = {{1, R"({"a":1})"}, {3, R"({"b":"x\ny"})"}};
  CHECK(rows_of("{\"a\":1}\n\n{\"b\": \"x\\ny\"}\n") == expected);
  CHECK(rows_of("{\"a\":1}\n \t\n{\"b\": \"x\\ny\"}") == expected);
  CHECK(rows_of("\xEF\xBB\xBF{\"a\":1}\r\n\r\n  {\"b\": \"x\\ny\"} \r\n") == expected);
  CHECK(rows_of("").empty());
  CHECK(rows_of("\n\n").empty());
}

TEST_CASE("damaged JSON lines are refused with file and line", "[text_file]") {
  expect_input_error([] { rows_of("{}\n{\"a\": }\n"); }, {"d.jsonl:2"});
  expect_input_error([] { rows_of("{}\n{\"a\": 1} x\n"); }, {"d.jsonl:2"});
  expect_input_error([] { rows_of("{}\n\n{\"a\""); }, {"d.jsonl:3"});
  expect_input_error([] { rows_of("{\"a\":1,\"a\":2}"); }, {"d.jsonl:1"});
  expect_input_error([] { rows_of("[\n{}\n]"); }, {"d.jsonl:1", "without a list"});
  expect_input_error([] { rows_of("{}\nplain ünïcödé text that is long"); },
                     {"d.jsonl:2", "plain"});
  expect_input_error([] { rows_of("{}\n12\n"); }, {"d.jsonl:2", "object"});
  expect_input_error([] { rows_of("{}\n{\"a\": \"\xC3\x28\"}\n"); },
                     {"invalid UTF-8", "d.jsonl:2"});
  expect_input_error([] { rows_of(std::string_view("{}\n{}\n\0{}", 9)); }, {"NUL", "d.jsonl:3"});
}

TEST_CASE("gzip files are unpacked, members and all", "[text_file]") {
  const TemporaryDirectory directory;
  std::string big;
  for (int i = 0; i < 50000; ++i) big += std::to_string(i) + "\n";
  CHECK(read_text_file(directory.write("a.txt.gz", gzip(big) + gzip("more"))) == big + "more");
  CHECK(read_text_file(directory.write("e.txt.gz", gzip(""))).empty());
  CHECK(read_text_file(directory.write("b.txt", "plain")) == "plain");
}

TEST_CASE("damaged gzip files are refused", "[text_file]") {
  const std::string packed = gzip("hello hello hello hello");
  expect_input_error([&] { gunzip(packed.substr(0, packed.size() - 9), "x.gz"); },
                     {"damaged gzip", "ends too early", "x.gz"});
  expect_input_error([] { gunzip("not gzip at all", "x.gz"); }, {"damaged gzip"});
  expect_input_error([] { gunzip("", "x.gz"); }, {"damaged gzip"});
  expect_input_error([&] { gunzip(packed + "garbage", "x.gz"); }, {"damaged gzip"});
  std::string broken = packed;
  broken[broken.size() - 6] = static_cast<char>(broken[broken.size() - 6] ^ 1);  // its checksum
  expect_input_error([&] { gunzip(broken, "x.gz"); }, {"damaged gzip"});
}

TEST_CASE("a missing text file is named", "[text_file]") {
  const TemporaryDirectory directory;
  expect_input_error([&] { read_text_file(directory.path() / "none.txt"); }, {"none.txt"});
}
