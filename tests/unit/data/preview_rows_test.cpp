// Rows that are shown before a run: they must be those that training reads.
#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "data/preview.h"
#include "tokenizer/stories_tokenizer.h"

#include <numeric>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

struct Previewed : TempDirectory {
  DatasetOptions options;
  Previewed(const std::string& name, std::string_view content) {
    options.path = write(name, content);
  }
  std::vector<PreviewedRow> rows(const PreviewRange& range) const {
    std::vector<PreviewedRow> rows;
    preview_rows(options, stories_tokenizer(), range,
                 [&](const PreviewedRow& row) { rows.push_back(row); });
    return rows;
  }
  /// Checks that all rows have the examples of the data set.
  void check_equal(const PreviewRange& all) const {
    const Dataset dataset = load_dataset(options, stories_tokenizer());
    std::size_t at = 0;
    std::int64_t dropped = 0;
    for (const PreviewedRow& row : rows(all)) {
      CHECK(!row.error);
      CHECK(row.sequences.size() == row.dropped.size());
      dropped = std::accumulate(row.dropped.begin(), row.dropped.end(), dropped);
      for (const Example& sequence : row.sequences) {
        Example expected = dataset.examples.at(at++);
        CHECK(sequence.tokens == expected.tokens);
        expected.learned.front() = 0;
        CHECK(sequence.learned == expected.learned);
      }
    }
    CHECK(at == dataset.examples.size());
    CHECK(dropped == dataset.report.truncated_tokens);
  }
};

constexpr std::string_view kPreviewRows =
    R"({"prompt": "Once upon a time there was a girl who said: ", "completion": "a time."}

{"instruction": "Say hi.", "output": "hi", "id": 4}
{"text": "Once upon a time there was a little girl named Lily who had a dog."}
{"prompt": "The", "completion": "re was"}
)";

}  // namespace

TEST_CASE("previewed rows are the rows of the data set", "[dataset][preview]") {
  Previewed file("d.jsonl", kPreviewRows);
  file.check_equal({1, 100});
  file.options.max_length = 10;  // cuts a prompt, and a text into blocks
  file.options.train_on_prompt = true;
  file.check_equal({1, 100});

  const std::vector<PreviewedRow> some = file.rows({2, 2});
  REQUIRE(some.size() == 2);
  CHECK(some[0].row == 2);
  CHECK(some[0].line == 3);
  CHECK(some[0].unread.text() == "id (once)");
  CHECK(some[1].sequences.size() > 1);
  CHECK(file.rows({6, 3}).empty());
}

TEST_CASE("blocks of plain text are previewed without the rest of the file", "[dataset][preview]") {
  std::string text;
  for (int i = 0; i < 500; ++i)
    text += "Once upon a time there was dog " + std::to_string(i) + ".\n";
  Previewed file("d.txt", text);
  file.options.max_length = 16;
  file.options.piece_bytes = 100;
  file.check_equal({1, 100'000});
  const Dataset dataset = load_dataset(file.options, stories_tokenizer());
  const std::vector<PreviewedRow> some = file.rows({5, 3});
  REQUIRE(some.size() == 3);
  CHECK(some[0].row == 5);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(some[i].sequences.at(0).tokens == dataset.examples.at(4 + i).tokens);
  }
  // What follows later is not looked at.
  Previewed damaged("d.txt", text + "\xFF");
  damaged.options = file.options;
  damaged.options.path = damaged / "d.txt";
  CHECK(damaged.rows({1, 2}).size() == 2);
  expect_input_error([&] { damaged.rows({1, 100'000}); }, {"invalid UTF-8"});
}

TEST_CASE("a row with an error does not hide the next one", "[dataset][preview]") {
  Previewed file("d.jsonl",
                 R"({"prompt": "a", "completion": ""}
{"prompt": 4, "completion": "b"}
[]
{"prompt": "a", "completion": "Once upon a time there was a little girl"}
{"prompt": "a", "completion": "b"}
)");
  file.options.max_length = 8;
  const std::vector<PreviewedRow> rows = file.rows({1, 5});
  REQUIRE(rows.size() == 5);
  const char* const reasons[] = {"nothing would be learned from them (line 1)", "d.jsonl:2",
                                 "expected a JSON object", "longer than max_length 8 (line 4"};
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    REQUIRE(rows[i].error);
    CHECK(rows[i].sequences.empty());
    CHECK(std::string(rows[i].error->what()).find(reasons[i]) != std::string::npos);
  }
  CHECK(!rows[4].error);
}

TEST_CASE("an error of the settings is not a row's", "[dataset][preview]") {
  Previewed chat("d.jsonl", R"({"messages": [{"role": "user", "content": "a"}, )"
                            R"({"role": "assistant", "content": "b"}]})");
  chat.options.chat_template = "no-such-template";
  expect_input_error([&] { chat.rows({1, 1}); }, {"no-such-template"});
  Previewed text("d.txt", "Once");
  text.options.completion = "{a}";
  expect_input_error([&] { text.rows({1, 1}); }, {"a template needs rows"});
}
