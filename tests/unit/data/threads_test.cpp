// Encoding rows and texts with several threads: the same data, and the same errors.
#include "base/expect_error.h"
#include "catch.h"
#include "data/dataset.h"
#include "tokenizer/golden_tokenizers.h"

#include <future>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

using Lines = std::vector<std::string>;

/// Enough for many threads: some 1 MB.
Lines many_rows() {
  const std::string stories = read_file(fs::path(EXPANDFT_DATA) / "tinystories.valid.txt");
  Lines lines;
  for (std::size_t at = 0; lines.size() < 6000; at = (at + 97) % 100000) {
    const std::string text = replace_invalid_utf8(stories.substr(at, 160), Replacing::kEachByte);
    Json row;
    if (lines.size() % 3 == 0) row["text"] = text;
    if (lines.size() % 3 == 1) row = {{"prompt", text.substr(0, 1)}, {"completion", text}};
    if (lines.size() % 3 == 2) {
      row["messages"] = {{{"role", "user"}, {"content", text}},
                         {{"role", "assistant"}, {"content", "Yes: " + text}}};
    }
    lines.push_back(row.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return lines;
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

struct Loaded {
  std::string fingerprint;
  DatasetReport report;
  bool operator==(const Loaded&) const = default;
};

Loaded load_on(int threads, const fs::path& file, const Tokenizer& tokenizer) {
  const Dataset dataset = load_dataset({.path = file,
                                        .max_length = 160,
                                        .chat_template = "llama2",
                                        .piece_bytes = 1 << 14,
                                        .threads = threads},
                                       tokenizer);
  return {fingerprint(dataset), dataset.report};
}

}  // namespace

TEST_CASE("what is loaded does not depend on the number of threads", "[dataset][threads]") {
  const auto name = GENERATE(as<std::string>{}, "stories260K", "mistral-v1", "json/llama3");
  CAPTURE(name);
  const auto tokenizer = golden_tokenizer(name);
  const TempDirectory directory;
  Lines lines = many_rows();
  if (name != "mistral-v1") {  // the others have no tokens of a chat format
    std::erase_if(lines, [](const std::string& line) { return line.starts_with("{\"mess"); });
  }
  const fs::path rows = directory.write("rows.jsonl", joined(lines));
  const fs::path text = directory.write(
      "text.txt", read_file(fs::path(EXPANDFT_DATA) / "tinystories.valid.txt").substr(0, 400000));
  const Loaded rows_alone = load_on(1, rows, *tokenizer), text_alone = load_on(1, text, *tokenizer);
  CHECK(rows_alone.report.rows == std::ssize(lines));
  for (const int threads : {0, 2, 3, 7}) {
    CAPTURE(threads);
    CHECK(load_on(threads, rows, *tokenizer) == rows_alone);
    CHECK(load_on(threads, text, *tokenizer) == text_alone);
  }
}

TEST_CASE("the first of several bad lines is named, with any number of threads",
          "[dataset][threads]") {
  const auto tokenizer = golden_tokenizer("mistral-v1");
  const int threads = GENERATE(1, 2, 5);
  const TempDirectory directory;
  const auto refused = [&](const Lines& lines, const std::vector<std::string>& parts) {
    const fs::path file = directory.write("rows.jsonl", joined(lines));
    expect_input_error([&] { load_on(threads, file, *tokenizer); }, parts);
  };
  const Lines good = many_rows();
  Lines lines = good;
  lines[4001] = "{\"prompt\": 1}";
  lines[4000] = "{broken";
  lines[5000] = "\xFF";
  refused(lines, {"rows.jsonl:4001"});
  lines[17] = "[1]";
  refused(lines, {"rows.jsonl:18", "one object per line"});
  lines[2] = "\xFF";  // found when the line is read, before line 18 is encoded
  refused(lines, {"rows.jsonl:3", "UTF-8"});
  lines[0] = "{}";
  refused(lines, {"rows.jsonl:1", "no fields"});

  lines = good;
  for (const std::size_t line : {3, 2999, 5999}) {
    lines[line] = R"({"prompt": "a", "completion": ""})";
  }
  refused(lines, {"3 rows", "lines 4, 3000, 6000"});
}

TEST_CASE("concurrent threads get the ids of a single one", "[tokenizer][threads]") {
  const auto name = GENERATE(as<std::string>{}, "mistral-v1", "json/llama3", "json/gemma");
  CAPTURE(name);
  const auto tokenizer = golden_tokenizer(name), fresh = golden_tokenizer(name);
  const std::vector<std::string> texts = hard_texts();
  std::vector<std::vector<TokenId>> alone;
  for (const std::string& text : texts) alone.push_back(fresh->encode(text));
  std::vector<std::future<int>> wrong;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    wrong.push_back(std::async(std::launch::async, [&, thread] {
      int count = 0;
      for (std::size_t i = 0; i < 3 * texts.size(); ++i) {
        const std::size_t at = (i * (2 * thread + 1)) % texts.size();
        if (tokenizer->encode(texts[at]) != alone[at]) ++count;
      }
      return count;
    }));
  }
  for (std::future<int>& count : wrong) CHECK(count.get() == 0);
}
