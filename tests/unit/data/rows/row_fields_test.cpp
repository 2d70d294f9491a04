// Fields of rows besides prompt and answer: honoured, refused, or counted.
#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "data/dataset.h"
#include "tokenizer/stories_tokenizer.h"

#include <map>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

Dataset load_rows(const std::string& rows, const DatasetOptions& options = {}) {
  const TempDirectory folder;
  DatasetOptions all = options;
  all.path = folder.write("d.jsonl", rows);
  return load_dataset(all, stories_tokenizer());
}

std::string shown_text(const Example& example, bool learned_only) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < example.tokens.size(); ++i) {
    if (!learned_only || example.learned[i] != 0) ids.push_back(example.tokens[i]);
  }
  return stories_tokenizer().decode(ids, false);
}

/// Refused with file and line, and all of `parts`.
void refuse_row(const std::string& row, std::vector<std::string> parts) {
  INFO(row);
  parts.push_back("d.jsonl:1");
  expect_input_error([&] { load_rows(row); }, parts);
}

std::map<std::string, std::int64_t> unread_of(const std::string& rows,
                                              const DatasetOptions& options = {}) {
  const Dataset dataset = load_rows(rows, options);
  std::map<std::string, std::int64_t> counts;
  for (const auto& [name, count] : dataset.report.unread.fields()) counts[name] = count;
  return counts;
}

using FieldCounts = std::map<std::string, std::int64_t>;

const std::string kInstructionRow =
    R"({"instruction": "And then?", "input": "", "output": "The end.")";

}  // namespace

TEST_CASE("an instruction's system text and history precede it", "[rows]") {
  const Example plain = load_rows(kInstructionRow + "}").examples.at(0);
  CHECK(shown_text(plain, false) == "<s> And then?\n\nThe end.</s>");
  for (const char* key : {"system", "system_prompt", "system_message"}) {
    const Example example =
        load_rows(kInstructionRow + ", \"" + key + "\": \"Be brief.\"}").examples.at(0);
    CHECK(shown_text(example, false) == "<s> Be brief.\n\nAnd then?\n\nThe end.</s>");
    CHECK(shown_text(example, true) == "The end.</s>");
  }
  // Earlier answers are learned, each with the token that ends it.
  const Dataset told =
      load_rows(kInstructionRow +
                R"(, "system": "Be brief.", "history": [["Tell", "Once"], ["Go on", "upon"]]})");
  REQUIRE(told.examples.size() == 1);
  CHECK(shown_text(told.examples[0], false) ==
        "<s> Be brief.\n\nTell\n\nOnce</s>Go on\n\nupon</s>And then?\n\nThe end.</s>");
  CHECK(shown_text(told.examples[0], true) == "Once</s>upon</s>The end.</s>");
  CHECK(told.notices.empty());
  CHECK(told.report.rows == 1);
  DatasetOptions all;
  all.train_on_prompt = true;
  const Dataset learned = load_rows(kInstructionRow + R"(, "history": [["Tell", "Once"]]})", all);
  CHECK(learned.report.targets == learned.report.tokens - 1);
}

TEST_CASE("a missing system text or history can be written in many ways", "[rows]") {
  const Example plain = load_rows(kInstructionRow + "}").examples.at(0);
  for (const char* nothing :
       {R"("system": "", "history": [])", R"("system": null, "history": null)", R"("history": "")",
        R"("history": "[]")"}) {
    INFO(nothing);
    const Dataset dataset = load_rows(kInstructionRow + ", " + nothing + "}");
    CHECK(dataset.examples.at(0).tokens == plain.tokens);
    CHECK(dataset.notices.empty());
  }
}

TEST_CASE("a history that is too long loses its oldest exchanges", "[rows]") {
  const std::string system = R"(, "system": "Be brief.")";
  const auto row = [&](const std::string& turns) {
    return kInstructionRow + system + ", \"history\": [" + turns + "]}";
  };
  const std::string both = row(R"(["Tell me a story", "Once"], ["Go on", "upon"])");
  const Example whole = load_rows(both).examples.at(0);
  const Example later = load_rows(row(R"(["Go on", "upon"])")).examples.at(0);
  const Example alone = load_rows(kInstructionRow + system + "}").examples.at(0);
  for (const Example& kept : {later, alone}) {
    DatasetOptions options;
    options.max_length = static_cast<std::int64_t>(kept.tokens.size());
    const Dataset cut = load_rows(both, options);
    CHECK(cut.examples.at(0).tokens == kept.tokens);
    CHECK(cut.examples.at(0).learned == kept.learned);
    CHECK(cut.report.truncated_rows == 1);
    CHECK(cut.report.tokens + cut.report.truncated_tokens ==
          static_cast<std::int64_t>(whole.tokens.size()));
  }
  DatasetOptions options;
  options.max_length = static_cast<std::int64_t>(alone.tokens.size()) - 2;
  const Dataset cut = load_rows(both, options);
  CHECK(shown_text(cut.examples.at(0), true) == "The end.</s>");
  CHECK(cut.report.truncated_rows == 1);
  CHECK(cut.report.tokens + cut.report.truncated_tokens ==
        static_cast<std::int64_t>(whole.tokens.size()));
}

TEST_CASE("a history of another form is refused", "[rows]") {
  refuse_row(kInstructionRow + R"(, "history": {"a": 1}})",
             {"\"history\" is of type object", "list"});
  refuse_row(kInstructionRow + R"(, "history": [["a", "b"], ["c"]]})",
             {"history.1 is [\"c\"]", "two texts"});
  refuse_row(kInstructionRow + R"(, "history": [["a", 1.5]]})", {"history.0 is [\"a\",1.5]"});
  refuse_row(kInstructionRow + R"(, "system": 3})", {"\"system\" is of type number"});
  refuse_row(kInstructionRow + R"(, "system": "a", "system_prompt": "b"})",
             {"system and system_prompt differ"});
}

TEST_CASE("fields that change the context are refused by name", "[rows]") {
  const std::string prompt = R"({"prompt": "a", "completion": "b", )";
  const std::string chat = R"({"messages": [{"role": "user", "content": "a"}], )";
  const std::string tools = R"([{"name": "f"}])";
  for (const std::string& form : {prompt, kInstructionRow + ", ", chat}) {
    for (const char* key : {"documents", "images", "audios"}) {
      refuse_row(form + "\"" + key + "\": " + tools + "}", {std::string("the row has ") + key});
    }
    if (form != chat) {
      refuse_row(form + "\"tools\": " + tools + "}", {"the row has tools", "rows with messages"});
      refuse_row(form + "\"functions\": " + tools + "}", {"the row has functions"});
      refuse_row(form + R"("tools": "[{\"name\": \"f\"}]"})", {"the row has tools"});
    }
    refuse_row(form + R"("weight": 0.5})", {"the row's weight is 0.5", "source with a weight"});
    refuse_row(form + R"("weight": 0})", {"the row's weight is 0"});
    refuse_row(form + R"("label": false})", {"label is false"});
    refuse_row(form + R"("train": false})", {"train is false"});
  }
  for (const char* key : {"system", "system_prompt", "history", "input", "context"}) {
    refuse_row(prompt + "\"" + key + "\": \"x\"}",
               {std::string("the row has ") + key, "data.template"});
  }
  refuse_row(kInstructionRow + R"(, "context": "x"})", {"the row has context"});
  refuse_row(chat + R"("history": [["a", "b"]]})", {"the row has history"});
  refuse_row(R"({"text": "a", "weight": 2})", {"weight is 2"});
  refuse_row(R"({"prompt": "a", "chosen": "b", "rejected": "c"})", {"not preferences", "chosen"});
  refuse_row(R"({"prompt": [{"role": "user", "content": "a"}], "completion": "b"})",
             {"\"prompt\" is of type array", "\"messages\""});
}

TEST_CASE("fields that nothing reads are counted and named once", "[rows]") {
  const Dataset dataset = load_rows(R"({"prompt": "a", "completion": "b", "id": 1, "weight": 1}
{"prompt": "a", "completion": "c", "id": 2, "url": "x", "label": true, "tools": [], "note": null}
{"text": "a whole text", "id": 3, "label": false, "system": "s"})");
  REQUIRE(dataset.notices.size() == 1);
  const Notice& notice = dataset.notices[0];
  CHECK(notice.what ==
        "nothing reads the fields id (3 times), label (2 times), url (once), system "
        "(once)");
  CHECK(notice.where.ends_with("d.jsonl"));
  CHECK(notice.hint.find("data.template") != std::string::npos);
  CHECK(load_rows(R"({"text": "a", "id": null})").notices.empty());
}

TEST_CASE("fields that a template does not name are counted", "[rows]") {
  DatasetOptions options;
  options.prompt = "{q}: {meta.topic}";
  options.completion = " {a.0}";
  const std::string row =
      R"({"q": "x", "a": ["y"], "meta": {"topic": "t"}, "tools": [1], "n": 1.5})";
  CHECK(unread_of(row, options) == FieldCounts{{"n", 1}, {"tools", 1}});
  CHECK(load_rows(row, options).notices.empty());
  options.prompt = "{a.b}";
  options.completion = "{c}";
  CHECK(unread_of(R"({"a.b": "x", "c": "y", "a": 1})", options) == FieldCounts{});
}

TEST_CASE("ever new names do not fill the memory", "[rows]") {
  UnreadFields fields;
  for (int i = 0; i < 5000; ++i) fields.add("key" + std::to_string(i));
  fields.add("key7");
  fields.add(std::string(1000, 'x'));
  CHECK(fields.fields().size() == UnreadFields::kNames);
  CHECK(fields.text().starts_with("key7 (2 times), key0 (once), key1 (once)"));
  CHECK(fields.text().ends_with(" and more than 992 more"));
  UnreadFields few;
  for (int i = 0; i < 9; ++i) few.add("é" + std::to_string(i));
  CHECK(few.text().ends_with(" and 1 more"));
  few += few;
  CHECK(few.fields()[0] == UnreadFields::Field{"é0", 2});
}
