#include "data/dataset.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "data/example_builder.h"
#include "gzip.h"
#include "tokenizer/stories_tokenizer.h"

#include <numeric>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

using Ids = std::vector<TokenId>;

struct DataFile : TempDirectory {
  DatasetOptions options;
  DataFile(const std::string& name, std::string_view content) {
    options.path = write(name, content);
  }
  Dataset load() const { return load_dataset(options, stories_tokenizer()); }
};

std::string learned_text(const Example& example) {
  // A token before the ids keeps their first space, which decoding would drop as the prefix.
  Ids ids = stories_tokenizer().encode("x");
  for (std::size_t i = 0; i < example.tokens.size(); ++i) {
    if (example.learned[i] != 0) ids.push_back(example.tokens[i]);
  }
  return stories_tokenizer().decode(ids, false).substr(1);
}

std::string text_of(const Example& example) {
  return stories_tokenizer().decode(example.tokens);
}

void refuse(
    const std::string& name, std::string_view content, const std::vector<std::string>& parts,
    const std::function<void(DatasetOptions&)>& change = [](DatasetOptions&) {}) {
  DataFile file(name, content);
  change(file.options);
  INFO(content);
  expect_input_error([&] { file.load(); }, parts);
}

}  // namespace

TEST_CASE("prompt and completion rows learn the completion and EOS", "[dataset]") {
  const DataFile file("d.jsonl", R"({"prompt": "Once upon", "completion": " a time."})"
                                 "\n"
                                 R"({"prompt": "The", "completion": "re was"})"
                                 "\n");
  const Dataset dataset = file.load();
  REQUIRE(dataset.examples.size() == 2);
  for (const Example& example : dataset.examples) {
    CHECK(example.tokens.front() == 1);
    CHECK(example.tokens.back() == 2);
    CHECK(example.learned.front() == 0);
    CHECK(example.learned.size() == example.tokens.size());
  }
  CHECK(learned_text(dataset.examples[0]) == " a time.</s>");
  CHECK(text_of(dataset.examples[0]) == "Once upon a time.");
  CHECK(learned_text(dataset.examples[1]) == "re was</s>");
  CHECK(text_of(dataset.examples[1]) == "There was");
  CHECK(dataset.report.rows == 2);
  CHECK(dataset.report.examples == 2);
  CHECK(dataset.report.truncated_rows == 0);
  CHECK(dataset.report.tokens == static_cast<std::int64_t>(dataset.examples[0].tokens.size() +
                                                           dataset.examples[1].tokens.size()));
  TokenBatch batch;
  for (const Example& example : dataset.examples) batch.append(example);
  CHECK(batch.target_count() == dataset.report.targets);
}

TEST_CASE("the joined text's ids are used if they begin with the prompt's ids", "[dataset]") {
  const Tokenizer& tokenizer = stories_tokenizer();
  const auto joined = encode_prompt_and_completion(tokenizer, "Once upon", " a time");
  Ids all = joined.prompt;
  all.insert(all.end(), joined.completion.begin(), joined.completion.end());
  CHECK(all == tokenizer.encode("Once upon a time"));
}

TEST_CASE("every completion is recoverable from its ids", "[dataset]") {
  const Tokenizer& tokenizer = stories_tokenizer();
  for (const std::string prompt : {"Q: a ", "Q", "the", "x\n", "日", "A: ", "  "}) {
    for (const std::string completion : {"yes", " yes", "  two", "re", "\n", "日本", "▁", "é 👩"}) {
      INFO("'" << prompt << "' + '" << completion << "'");
      const auto ids = encode_prompt_and_completion(tokenizer, prompt, completion);
      Ids shown = tokenizer.encode("x");
      shown.insert(shown.end(), ids.completion.begin(), ids.completion.end());
      CHECK(tokenizer.decode(shown) == "x" + (completion == "▁" ? " " : completion));
    }
  }
}

TEST_CASE("templates render any fields", "[dataset]") {
  DataFile file("d.json", R"({"q": "Who?", "a": {"text": "Tim"}, "n": 3})"
                          "\n");
  file.options.prompt = "Question: {q} {n}\nAnswer:";
  file.options.completion = " {a.text}";
  const Dataset dataset = file.load();
  CHECK(text_of(dataset.examples.at(0)) == "Question: Who? 3\nAnswer: Tim");
  CHECK(learned_text(dataset.examples.at(0)) == " Tim</s>");

  file.options.prompt.reset();
  CHECK(learned_text(file.load().examples.at(0)) == " Tim</s>");
}

TEST_CASE("instruction rows may have an input", "[dataset]") {
  const DataFile file("d.jsonl", R"({"instruction": "Add.", "input": "1 2", "output": "3"})"
                                 "\n"
                                 R"({"instruction": "Say hi.", "input": "", "output": "hi"})"
                                 "\n"
                                 R"({"instruction": "Say ho.", "input": null, "output": "ho"})"
                                 "\n"
                                 R"({"instruction": "Run.", "output": "ok"})"
                                 "\n");
  const Dataset dataset = file.load();
  CHECK(text_of(dataset.examples.at(0)) == "Add.\n\n1 2\n\n3");
  CHECK(text_of(dataset.examples.at(1)) == "Say hi.\n\nhi");
  CHECK(text_of(dataset.examples.at(2)) == "Say ho.\n\nho");
  CHECK(text_of(dataset.examples.at(3)) == "Run.\n\nok");
  CHECK(learned_text(dataset.examples.at(0)) == "3</s>");
}

TEST_CASE("text rows are learned whole, long ones in several examples", "[dataset]") {
  DataFile file("d.jsonl", R"({"text": "Once upon a time there was a dog."})"
                           "\n");
  const Dataset whole = file.load();
  REQUIRE(whole.examples.size() == 1);
  CHECK(text_of(whole.examples[0]) == "Once upon a time there was a dog.");
  CHECK(whole.report.targets == whole.report.tokens - 1);

  file.options.max_length = 8;
  const Dataset cut = file.load();
  Ids joined;
  for (const Example& example : cut.examples) {
    CHECK(example.tokens.size() <= 8);
    joined.insert(joined.end(), example.tokens.begin(), example.tokens.end());
  }
  CHECK(joined == whole.examples[0].tokens);
  CHECK(cut.report.rows == 1);
}

TEST_CASE("the prompt is learned with train_on_prompt", "[dataset]") {
  DataFile file("d.jsonl", R"({"prompt": "Once", "completion": ""})");
  file.options.train_on_prompt = true;
  const Dataset dataset = file.load();
  CHECK(dataset.report.targets == dataset.report.tokens - 1);
}

TEST_CASE("BOS and EOS that a row writes itself are not doubled", "[dataset]") {
  const DataFile file("d.jsonl", R"({"prompt": "<s>Once", "completion": " upon</s>"})");
  const Ids tokens = file.load().examples.at(0).tokens;
  CHECK(std::count(tokens.begin(), tokens.end(), 1) == 1);
  CHECK(std::count(tokens.begin(), tokens.end(), 2) == 1);
}

TEST_CASE("a long row loses the start of its prompt, never its answer", "[dataset]") {
  DataFile file("d.jsonl", R"({"prompt": "one two three four five six", "completion": " seven"})");
  const Example whole = file.load().examples.at(0);
  file.options.max_length = 14;
  const Dataset dataset = file.load();
  const Example& cut = dataset.examples.at(0);
  CHECK(dataset.report.truncated_rows == 1);
  REQUIRE(cut.tokens.size() == 14);
  CHECK(cut.tokens.front() == 1);
  CHECK(learned_text(cut) == " seven</s>");
  CHECK(std::equal(cut.tokens.begin() + 1, cut.tokens.end(), whole.tokens.end() - 13));
}

TEST_CASE("plain text becomes blocks", "[dataset]") {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "Once upon a time there was a dog.\r\n";
  for (const auto& [name, content] : {std::pair<std::string, std::string>{"d.txt", text},
                                      {"d.md", "\xEF\xBB\xBF" + text},
                                      {"d.txt.gz", gzip(text)}}) {
    DataFile file(name, content);
    file.options.max_length = 64;
    const Dataset dataset = file.load();
    Ids joined;
    for (std::size_t i = 0; i < dataset.examples.size(); ++i) {
      const Example& block = dataset.examples[i];
      if (i + 1 < dataset.examples.size()) CHECK(block.tokens.size() == 64);
      joined.insert(joined.end(), block.tokens.begin(), block.tokens.end());
    }
    CHECK(dataset.examples.back().tokens.size() >= 2);
    EncodeOptions with_bos;
    with_bos.bos = true;
    CHECK(joined == stories_tokenizer().encode(text, with_bos));
    CHECK(dataset.report.targets ==
          dataset.report.tokens - static_cast<std::int64_t>(dataset.examples.size()));
  }
}

TEST_CASE("no block has a single token: the last two share their tokens", "[dataset]") {
  for (const auto& [name, content] :
       {std::pair<std::string, std::string>{"d.txt", "Once upon a time there was."},
        {"d.jsonl", R"({"text": "Once upon a time there was."})"}}) {
    DataFile file(name, content);
    const Ids whole = file.load().examples.at(0).tokens;
    for (std::size_t length = 2; length <= whole.size(); ++length) {
      CAPTURE(name, length, whole.size());
      file.options.max_length = static_cast<std::int64_t>(length);
      const Dataset dataset = file.load();
      Ids joined;
      for (std::size_t i = 0; i < dataset.examples.size(); ++i) {
        const Example block = dataset.examples[i];
        CHECK(block.tokens.size() >= 2);
        CHECK(block.tokens.size() <= length);
        CHECK(block.learned.size() == block.tokens.size());
        // If three tokens do not fit in two blocks, the last one repeats a token.
        const bool repeats =
            length == 2 && whole.size() % 2 == 1 && i + 1 == dataset.examples.size();
        joined.insert(joined.end(), block.tokens.begin() + (repeats ? 1 : 0), block.tokens.end());
      }
      CHECK(joined == whole);
      CHECK(dataset.examples.size() == (whole.size() + length - 1) / length);
    }
  }
}

TEST_CASE("the fingerprint depends on the examples, not on the file", "[dataset]") {
  const auto print = [](const std::string& name, const std::string& content, bool train_on_prompt) {
    DataFile file(name, content);
    file.options.train_on_prompt = train_on_prompt;
    return fingerprint(file.load());
  };
  const std::string row = R"({"prompt": "Once upon", "completion": " a time."})";
  const std::string other = R"({"prompt": "Once upon", "completion": " a while."})";
  const std::string first = print("d.jsonl", row, false);
  CHECK(first.size() == 16);
  CHECK(first.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(print("e.json", row + "\n\n", false) == first);
  CHECK(print("d.jsonl", other, false) != first);
  CHECK(print("d.jsonl", row, true) != first);
  CHECK(print("d.jsonl", row + "\n" + row, false) != first);
  Dataset one, two;
  one.examples.push_back({{1, 2, 3, 4}, {1, 1, 1, 1}});
  two.examples.push_back({{1, 2}, {1, 1}});
  two.examples.push_back({{3, 4}, {1, 1}});
  CHECK(fingerprint(one) != fingerprint(two));
}

TEST_CASE("compressed JSON lines are read", "[dataset]") {
  const DataFile file("d.jsonl.gz", gzip(R"({"text": "hi"})"
                                         "\r\n\r\n"
                                         R"({"text": "ho"})"
                                         "\r\n"));
  CHECK(file.load().examples.size() == 2);
}

TEST_CASE("rows without anything to learn are counted and named", "[dataset]") {
  const std::string good = R"({"prompt": "a", "completion": "b"})"
                           "\n";
  const std::string empty = R"({"prompt": "a", "completion": ""})"
                            "\n";
  refuse("d.jsonl", good + empty + good + empty,
         {"2 rows", "an empty one", "lines 2, 4)", "d.jsonl"});
  refuse("d.jsonl", empty, {"1 row with", "line 1)"});
  refuse("d.jsonl", R"({"text": " \n"})", {"1 row", "line 1)"});
  refuse("d.jsonl", R"({"prompt": "", "completion": " "})", {"1 row"},
         [](DatasetOptions& options) { options.train_on_prompt = true; });
  refuse("d.jsonl", R"({"q": "x", "a": ""})", {"1 row", "an empty one"},
         [](DatasetOptions& options) {
           options.prompt = "{q}";
           options.completion = " {a}";
         });
  std::string many;
  for (int i = 0; i < 9; ++i) many += empty;
  refuse("d.jsonl", many, {"9 rows", "lines 1, 2, 3, 4, 5, …"});
}

TEST_CASE("rows whose answer alone is too long are counted and named", "[dataset]") {
  const std::string row = R"({"prompt": "a", "completion": "one two three four five six seven"})"
                          "\n";
  DataFile whole("d.jsonl", row);
  // BOS, answer and EOS; the prompt is "▁a".
  const std::size_t needed = whole.load().examples.at(0).tokens.size() - 1;
  refuse("d.jsonl", row + "\n" + row,
         {"2 rows", "max_length 6", "lines 1, 3;", "needs " + std::to_string(needed) + " tokens",
          "raise data.max_length to " + std::to_string(needed)},
         [](DatasetOptions& options) { options.max_length = 6; });
  whole.options.max_length = static_cast<std::int64_t>(needed);
  CHECK(whole.load().report.truncated_rows == 1);
}

TEST_CASE("data that cannot be read is refused with its place", "[dataset]") {
  refuse("d.jsonl", "", {"empty", "d.jsonl"});
  refuse("d.txt", "", {"empty", "d.txt"});
  refuse("d.csv", "a,b", {"\".csv\"", ".jsonl", "d.csv"});
  refuse("noending", "x", {"noending"});
  refuse("d.jsonl", "{\"text\": \"a\"}\n{\"text\": \n", {"d.jsonl:2"});
  refuse("d.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"a\"}\n",
         {"d.jsonl:2", "found: txt", "data.template"});
  refuse("d.jsonl", "{}", {"d.jsonl:1", "no fields"});
  refuse("d.jsonl", R"({"messages": []})", {"d.jsonl:1", "no messages"});
  refuse("d.jsonl", R"({"prompt": 3, "completion": "x"})", {"d.jsonl:1", "\"prompt\"", "number"});
  refuse("d.jsonl", R"({"text": null})", {"d.jsonl:1", "\"text\" is null"});
  refuse("d.jsonl", R"({"instruction": "a", "input": 4, "output": "b"})", {"\"input\"", "number"});
  refuse("d.txt", std::string_view("one\ntwo\0", 8), {"NUL", "d.txt:2"});
  refuse("d.txt", "one\n\xFFtwo", {"invalid UTF-8 at byte 4", "d.txt:2"});
  refuse("d.txt.gz", "not packed", {"damaged gzip", "d.txt.gz"});
  refuse("d.jsonl", R"({"q": "x"})", {"d.jsonl:1", "\"z\""},
         [](DatasetOptions& options) { options.completion = "{z}"; });
}

TEST_CASE("options that make no sense are refused", "[dataset]") {
  const auto with_prompt = [](DatasetOptions& options) { options.prompt = "{q}"; };
  refuse("d.jsonl", "{}", {"data.template", "completion"}, with_prompt);
  refuse("d.txt", "x", {"template", "plain text"},
         [](DatasetOptions& options) { options.completion = "{q}"; });
  refuse("d.jsonl", "{}", {"data.template.completion", "character 1"},
         [](DatasetOptions& options) { options.completion = "{q"; });
  refuse("d.txt", "x", {"data.max_length", "found max_length 1"},
         [](DatasetOptions& options) { options.max_length = 1; });
  refuse("d.txt", "x", {"data.max_length"},
         [](DatasetOptions& options) { options.max_length = -5; });
}
