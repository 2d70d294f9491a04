#include "tasks/example.h"

#include "base/expect_error.h"
#include "catch.h"
#include "data/gzip.h"
#include "tasks/task_rows.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

using Texts = std::vector<std::string>;

const std::string kChoiceTask = R"("prompt": "Q: {q}", "choices": "{c}", "target": "{t}")";

void expect_row_error(const std::string& keys, const std::string& rows,
                      const std::vector<std::string>& parts) {
  expect_input_error([&] { TaskRows("choice", keys, rows).examples(); }, parts);
}

}  // namespace

TEST_CASE("a choice task's row becomes a context and continuations", "[tasks]") {
  const auto examples =
      TaskRows("choice", kChoiceTask,
               "{\"q\": \"a\", \"c\": [\"x\", \"yy\"], \"t\": 1}\n\n"
               "{\"q\": 2, \"c\": [\"x\", \"y\", 3], \"t\": \"2\"}\n"
               "{\"q\": \"\", \"c\": [\"no\", \"yes\"], \"t\": true, \"more\": null}\n")
          .examples();
  REQUIRE(examples.size() == 3);
  CHECK(examples[0].line == 1);
  CHECK(examples[1].line == 3);
  REQUIRE(examples[0].texts.size() == 2);
  CHECK(examples[0].texts[0].context == "Q: a");
  CHECK(examples[0].texts[0].continuation == " x");
  CHECK(examples[0].texts[1].context == "Q: a");
  CHECK(examples[0].texts[1].continuation == " yy");
  CHECK(examples[0].choices == Texts{"x", "yy"});
  CHECK(examples[0].prompt.empty());
  CHECK(examples[0].target == 1);
  CHECK(examples[1].choices == Texts{"x", "y", "3"});
  CHECK(examples[1].target == 2);
  CHECK(examples[2].target == 1);
}

TEST_CASE("choices can be contexts", "[tasks]") {
  const auto examples =
      TaskRows("choice",
               R"("contexts": ["{s|before:_}{a}", "{s|before:_}{b}"], "delimiter": "~",
                  "continuation": "{s|after:_|strip}", "target": "{t}", "labels": ["1", "2"])",
               R"({"s": "I saw _ run.", "a": "Ann", "b": "Bo", "t": "2"})")
          .examples();
  REQUIRE(examples.size() == 1);
  REQUIRE(examples[0].texts.size() == 2);
  CHECK(examples[0].texts[0].context == "I saw Ann");
  CHECK(examples[0].texts[1].context == "I saw Bo");
  CHECK(examples[0].texts[1].continuation == "~run.");
  CHECK(examples[0].choices == Texts{"I saw Ann", "I saw Bo"});
  CHECK(examples[0].target == 1);
}

TEST_CASE("the target can be one of the row's labels, or fixed", "[tasks]") {
  const TaskRows labels("choice",
                        R"("prompt": "", "choices": "{c.text}", "target": "{key|lstrip}",
                           "labels": "{c.label}")",
                        R"({"c": {"text": ["x", "y"], "label": ["A", "B"]}, "key": " B"})");
  CHECK(labels.examples()[0].target == 1);
  const TaskRows fixed("choice", R"("prompt": "", "choices": ["{a}", "b"], "target": "1")",
                       R"({"a": "x"})");
  CHECK(fixed.examples()[0].target == 1);
}

TEST_CASE("the model can write the answer of a choice task", "[tasks]") {
  const std::string keys =
      kChoiceTask + R"(, "written": true, "written_prompt": "Q: {q}\n{c|options}\nAnswer:",
                 "written_answers": "{c|letters}")";
  const auto examples =
      TaskRows("choice", keys, R"({"q": "a", "c": ["x", "y"], "t": 1})").examples();
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].prompt == "Q: a\nA. x\nB. y\nAnswer:");
  CHECK(examples[0].choices == Texts{"A", "B"});
  CHECK(examples[0].target == 1);
  CHECK(examples[0].texts.empty());
  expect_row_error(kChoiceTask + R"(, "written": true)", R"({"q": "a", "c": ["x", "y"], "t": 1})",
                   {"does not say how", "task.json", "written_prompt"});
}

TEST_CASE("continuation, generate and rolling tasks", "[tasks]") {
  const auto word = TaskRows("continuation",
                             R"("prompt": "{t|without_last_word}",
                                "continuation": "{t|last_word}")",
                             R"({"t": "it is here"})")
                        .examples();
  REQUIRE(word[0].texts.size() == 1);
  CHECK(word[0].texts[0].context == "it is");
  CHECK(word[0].texts[0].continuation == " here");

  const std::string generate = R"("prompt": "{q}", "metrics": ["exact_match"], "reference": )";
  const auto one =
      TaskRows("generate", generate + R"("{a}")", R"({"q": "p", "a": "r"})").examples();
  CHECK(one[0].prompt == "p");
  CHECK(one[0].references == Texts{"r"});
  CHECK(one[0].texts.empty());
  const auto several =
      TaskRows("generate", generate + R"("{a}")", R"({"q": "p", "a": ["r", "s"]})").examples();
  CHECK(several[0].references == Texts{"r", "s"});
  const auto two =
      TaskRows("generate", generate + R"(["{a}", "{a}."])", R"({"q": "p", "a": "r"})").examples();
  CHECK(two[0].references == Texts{"r", "r."});
  expect_input_error(
      [&] { TaskRows("generate", generate + R"("{a}")", R"({"q": "p", "a": []})").examples(); },
      {"no reference", "rows.jsonl:1"});

  const auto document =
      TaskRows("rolling", R"("text": "{p|strip}", "counted": "{p}")", R"({"p": " é b "})")
          .examples();
  CHECK(document[0].texts[0].context.empty());
  CHECK(document[0].texts[0].continuation == "é b");
  CHECK(document[0].words == 4);
  CHECK(document[0].bytes == 6);
  const auto plain = TaskRows("rolling", R"("text": "{p|strip}")", R"({"p": " é b "})").examples();
  CHECK(plain[0].words == 2);
  CHECK(plain[0].bytes == 4);
  expect_input_error(
      [] { TaskRows("rolling", R"("text": "{p|strip}")", R"({"p": " "})").examples(); },
      {"the document is empty", "rows.jsonl:1"});
  expect_input_error(
      [] {
        TaskRows("continuation", R"("prompt": "", "continuation": "{t}")", R"({"t": ""})")
            .examples();
      },
      {"continuation is empty", "rows.jsonl:1"});
}

TEST_CASE("the first form whose fields the first row has is taken", "[tasks]") {
  const std::string keys =
      R"("forms": [
        {"prompt": "{goal}", "choices": ["{one}", "{two}"], "target": "{label}",
         "written_prompt": "{not_there}", "written_answers": ["A", "B"]},
        {"prompt": "{query}", "choices": "{choices}", "target": "{gold}"}])";
  const auto raw =
      TaskRows("choice", keys,
               R"({"goal": "g", "one": "a", "two": "b", "label": 0, "query": "q", "choices": []})")
          .examples();
  CHECK(raw[0].texts[1].context == "g");
  const auto other =
      TaskRows("choice", keys, R"({"query": "q", "choices": ["c", "d"], "gold": 1})").examples();
  CHECK(other[0].texts[1].continuation == " d");
  expect_row_error(keys, R"({"goals": "g", "query": "q", "gold": 1})",
                   {"the row has the fields goals, query, gold", "forms[0]: goal, one, two, label",
                    "forms[1]: choices", "did you mean \"goals\"?", "rows.jsonl:1"});
  expect_row_error(keys,
                   "{\"query\": \"q\", \"choices\": [\"c\", \"d\"], \"gold\": 1}\n"
                   "{\"goal\": \"g\", \"one\": \"a\", \"two\": \"b\", \"label\": 0}",
                   {"no field \"query\"", "rows.jsonl:2"});
  expect_row_error(kChoiceTask, R"({})", {"(none)", "also need: q, c, t"});
}

TEST_CASE("errors for rows that cannot be scored name the line", "[tasks]") {
  const auto row = [](const std::string& choices, const std::string& target) {
    return R"({"q": "a", "c": ["x", "y"], "t": 0})"
           "\n"
           R"({"q": "a", "c": )" +
           choices + R"(, "t": )" + target + "}";
  };
  expect_row_error(kChoiceTask, row(R"(["x", ""])", "0"), {"choice 1 is empty", "rows.jsonl:2"});
  expect_row_error(kChoiceTask, row(R"(["x"])", "0"), {"found 1 choice,", "two or more"});
  expect_row_error(kChoiceTask, row("[]", "0"), {"found 0 choices"});
  expect_row_error(kChoiceTask, row(R"("x")", "0"), {"found 1 choice,"});
  expect_row_error(kChoiceTask, row(R"(["x", null])", "0"), {"\"c.1\" is null"});
  expect_row_error(kChoiceTask, row(R"(["x", "y"])", "2"),
                   {"the target is \"2\"", "from 0 to 1", "rows.jsonl:2", "labels"});
  expect_row_error(kChoiceTask, row(R"(["x", "y"])", "-1"), {"the target is \"-1\""});
  expect_row_error(kChoiceTask, row(R"(["x", "y"])", "0.5"), {"the target is \"0.5\""});
  expect_row_error(kChoiceTask, row(R"(["x", "y"])", R"("")"), {"the target is \"\""});
  expect_row_error(kChoiceTask, row(R"(["x", "y"])", "null"), {"\"t\" is null"});
  expect_row_error(kChoiceTask + R"(, "labels": ["A", "B"])", row(R"(["x", "y"])", "0"),
                   {"the target is \"0\"", "labels: A, B", "rows.jsonl:1"});
  expect_row_error(kChoiceTask + R"(, "labels": ["A", "B", "0"])", row(R"(["x", "y"])", "0"),
                   {"fewer choices than labels"});
  expect_row_error(R"("contexts": "{c}", "continuation": "{q}", "target": "0")", row("[1]", "0"),
                   {"found 1 context,"});
  expect_row_error(kChoiceTask, "", {"has no rows", "rows.jsonl"});
  expect_row_error(kChoiceTask, "\n{]", {"rows.jsonl:2"});
}

TEST_CASE("max_examples takes the first rows", "[tasks]") {
  const std::string rows =
      "{\"q\": 1, \"c\": [\"x\", \"y\"], \"t\": 0}\n{\"q\": 2, \"c\": [\"x\", \"y\"], \"t\": 0}\n"
      "{\"q\": 3}\n";
  CHECK(TaskRows("choice", kChoiceTask + R"(, "max_examples": 2)", rows).examples().size() == 2);
}

TEST_CASE("compressed data is read", "[tasks]") {
  TaskRows rows("rolling", R"("text": "{p}")", "");
  TaskConfig task = rows.task();
  rows.write("rows.jsonl.gz", gzip("{\"p\": \"a b\"}\n"));
  task.data += ".gz";
  CHECK(load_examples(task).at(0).words == 2);
}

TEST_CASE("damaged templates and expressions are found at their JSON path", "[tasks]") {
  const auto check = [](const std::string& type, const std::string& keys) {
    check_task(TaskRows(type, keys, "").task());
  };
  expect_input_error([&] { check("rolling", R"("text": "{p")"); }, {"task.json: text"});
  expect_input_error([&] { check("rolling", R"("text": "{p}", "counted": "}")"); },
                     {"task.json: counted"});
  expect_input_error(
      [&] { check("choice", R"("prompt": "", "choices": ["a", "{b|stirp}"], "target": "0")"); },
      {"task.json: choices[1]", "did you mean \"strip\"?"});
  expect_input_error(
      [&] {
        check("choice", R"("forms": [{"prompt": "", "choices": "{c}", "target": "0"},
                                     {"prompt": "{", "choices": "{c}", "target": "0"}])");
      },
      {"task.json: forms[1].prompt"});
  expect_input_error(
      [&] {
        check("choice", kChoiceTask + R"(, "written_prompt": "{}", "written_answers": ["a", "b"])");
      },
      {"task.json: written_prompt"});
  expect_input_error(
      [&] {
        check("generate", R"("prompt": "", "reference": "", "metrics": ["bleu",
                             {"exact_match": {"extract": "("}}])");
      },
      {"task.json: metrics[1].exact_match.extract"});
  CHECK_NOTHROW(check("choice", kChoiceTask));
}
