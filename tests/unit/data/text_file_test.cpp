#include "data/text_file.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "base/utf8.h"
#include "catch.h"
#include "gzip.h"

#include <zlib.h>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

std::vector<std::pair<std::int64_t, std::string>> rows_of(std::string_view text) {
  const TempDirectory directory;
  std::vector<std::pair<std::int64_t, std::string>> rows;
  for_each_json_line(directory.write("d.jsonl", text), [&](const Json& row, std::int64_t line) {
    rows.emplace_back(line, row.dump());
  });
  return rows;
}

/// A file's text, read in pieces of `bytes` bytes.
std::string text_of(const std::string& name, std::string_view bytes, std::size_t piece = 1000) {
  const TempDirectory directory;
  TextStream stream(directory.write(name, bytes));
  std::string text;
  for (bool more = true; more;) {
    const std::size_t before = text.size();
    more = stream.append(piece, text);
    CHECK(text.size() - before < piece + 4);
    CHECK(find_invalid_utf8(text) == text.npos);
  }
  return text;
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

TEST_CASE("malformed JSON lines are refused with file and line", "[text_file]") {
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

TEST_CASE("a line may be longer than the read buffer", "[text_file]") {
  std::string text, longest(5 << 20, 'x');
  for (const std::size_t length : {10u, 3u << 20, 0u, 5u << 20, 1u << 20, 20u}) {
    text += "{\"a\":\"" + longest.substr(0, length) + "\"}\n";
  }
  const auto rows = rows_of(text);
  std::string again;
  for (const auto& [line, row] : rows) again += row + "\n";
  CHECK(again == text);
  CHECK(rows.back().first == 6);
  CHECK(rows_of(text + "{}").back().first == 7);
  expect_input_error([&] { rows_of(text + "\xFF"); },
                     {"invalid UTF-8 at byte " + std::to_string(text.size()), "d.jsonl:7"});
}

TEST_CASE("plain text comes in whole characters", "[text_file]") {
  const std::string text = "Hé, “日本”\n🙂 \xEF\xBB\xBF end";
  for (std::size_t piece = 1; piece < 40; ++piece) {
    CAPTURE(piece);
    CHECK(text_of("a.txt", text, piece) == text);
    CHECK(text_of("a.txt", "\xEF\xBB\xBF" + text, piece) == text);
    CHECK(text_of("a.txt.gz", gzip(text) + gzip("") + gzip(text), piece) == text + text);
  }
  CHECK(text_of("a.txt", "").empty());
}

TEST_CASE("malformed text is refused with its byte and line, in any piece", "[text_file]") {
  for (const std::size_t piece : {1u, 2u, 3u, 5u, 8u, 13u, 100u}) {
    CAPTURE(piece);
    const auto read = [&](std::string_view bytes) {
      return [bytes, piece] { text_of("a.txt", bytes, piece); };
    };
    expect_input_error(read("é\nzwei\n\xC3(x"), {"invalid UTF-8 at byte 8", "a.txt:3"});
    expect_input_error(read("one\ntwo \xE2\x80"), {"invalid UTF-8 at byte 8", "a.txt:2"});
    expect_input_error(read(std::string_view("one\ntwo\0x", 9)), {"NUL", "a.txt:2"});
  }
}

TEST_CASE("gzip files are decompressed, all of their members", "[text_file]") {
  std::string big;
  for (int i = 0; i < 50000; ++i) big += std::to_string(i) + "\n";
  CHECK(text_of("a.txt.gz", gzip(big) + gzip("more"), 70000) == big + "more");
  CHECK(text_of("e.txt.gz", gzip("")).empty());
  CHECK(text_of("b.txt", "plain") == "plain");
}

TEST_CASE("damaged gzip files are refused", "[text_file]") {
  const std::string packed = gzip("hello hello hello hello");
  const auto unpack = [](const std::string& bytes) {
    return [bytes] { text_of("x.txt.gz", bytes); };
  };
  expect_input_error(unpack(packed.substr(0, packed.size() - 9)),
                     {"damaged gzip", "ends too early", "x.txt.gz"});
  expect_input_error(unpack("not gzip at all"), {"damaged gzip"});
  expect_input_error(unpack(""), {"damaged gzip"});
  expect_input_error(unpack(packed + "garbage"), {"damaged gzip"});
  std::string broken = packed;
  broken[broken.size() - 6] = static_cast<char>(broken[broken.size() - 6] ^ 1);  // its checksum
  expect_input_error(unpack(broken), {"damaged gzip"});
}

TEST_CASE("a missing text file is named", "[text_file]") {
  const TempDirectory directory;
  expect_input_error([&] { TextStream(directory.path() / "none.txt"); }, {"none.txt"});
}
