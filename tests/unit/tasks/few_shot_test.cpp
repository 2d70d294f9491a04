#include "base/expect_error.h"
#include "catch.h"
#include "tasks/task_rows.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

using Texts = std::vector<std::string>;

std::string rows(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += R"({"q": "q)" + std::to_string(i) + R"(", "a": "a)" + std::to_string(i) + "\"}\n";
  }
  return text;
}

std::string generate(const std::string& fewshot) {
  return R"("prompt": "{q}:", "reference": "{a}", "metrics": ["exact_match"],
            "fewshot_delimiter": ";", "fewshot": )" +
         fewshot;
}

Texts prompts(const TaskRows& task) {
  Texts out;
  for (const TaskExample& example : task.examples()) out.push_back(example.prompt);
  return out;
}

}  // namespace

TEST_CASE("solved examples are drawn as random.Random(1234).sample draws them", "[tasks]") {
  TaskRows task("generate", generate(R"({"data": "solved.jsonl", "count": 3})"), rows(3));
  task.write("solved.jsonl", rows(10));
  // CPython: [r.sample(range(10), 3) for _ in range(3)] is [7, 1, 0], [1, 0, 9], [1, 5, 3].
  CHECK(prompts(task) ==
        Texts{"q7: a7;q1: a1;q0: a0;q0:", "q1: a1;q0: a0;q9: a9;q1:", "q1: a1;q5: a5;q3: a3;q2:"});
}

TEST_CASE("the evaluated row is not an example for itself", "[tasks]") {
  // CPython: [r.sample(range(4), 3) for _ in range(4)] is
  // [3, 0, 2], [0, 2, 3], [0, 3, 1], [1, 0, 2].
  const TaskRows drawn("generate", generate(R"({"data": "rows.jsonl", "count": 2})"), rows(4));
  CHECK(prompts(drawn) ==
        Texts{"q3: a3;q2: a2;q0:", "q0: a0;q2: a2;q1:", "q0: a0;q3: a3;q2:", "q1: a1;q0: a0;q3:"});
  const TaskRows first(
      "generate", generate(R"({"data": "rows.jsonl", "count": 2, "sampling": "first"})"), rows(4));
  CHECK(prompts(first) ==
        Texts{"q1: a1;q2: a2;q0:", "q0: a0;q2: a2;q1:", "q0: a0;q1: a1;q2:", "q0: a0;q1: a1;q3:"});
}

TEST_CASE("a row that the file repeats is drawn for again", "[tasks]") {
  const std::string twice = "{\"q\": \"q\", \"a\": \"a\"}\n";
  const TaskRows task("generate", generate(R"({"data": "rows.jsonl", "count": 1})"),
                      twice + twice + twice + "{\"q\": \"p\", \"a\": \"b\"}\n");
  const Texts all = prompts(task);
  REQUIRE(all.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) CHECK(all[i] == "p: b;q:");
  CHECK(all[3] == "q: a;p:");
}

TEST_CASE("the first examples, or none", "[tasks]") {
  TaskRows first("generate",
                 generate(R"({"data": "solved.jsonl", "count": 2, "sampling": "first"})"), rows(2));
  first.write("solved.jsonl", rows(9));
  CHECK(prompts(first) == Texts{"q0: a0;q1: a1;q0:", "q0: a0;q1: a1;q1:"});
  const TaskRows none("generate", generate(R"({"data": "no such file", "count": 0})"), rows(1));
  CHECK(prompts(none) == Texts{"q0:"});
}

TEST_CASE("solved examples of each kind of task, in the few-shot file's own form", "[tasks]") {
  const std::string fewshot = R"(, "fewshot": {"data": "solved.jsonl", "count": 1})";
  SECTION("choices") {
    TaskRows task("choice",
                  R"("forms": [{"prompt": "{q}:", "choices": "{c}", "target": "{t}"},
                     {"prompt": "{query}?", "choices": ["n", "y"], "target": "{gold}"}])" +
                      fewshot,
                  R"({"q": "q", "c": ["a", "b"], "t": 0})");
    task.write("solved.jsonl", R"({"query": "s", "gold": true})");
    const auto examples = task.examples();
    CHECK(examples[0].texts[1].context == "s? y\n\nq:");
    CHECK(examples[0].texts[1].continuation == " b");
  }
  SECTION("contexts") {
    TaskRows task("choice",
                  R"("contexts": "{c}", "continuation": "{e}", "target": "{t}")" + fewshot,
                  R"({"c": ["a", "b"], "e": "end", "t": 1})");
    task.write("solved.jsonl", R"({"c": ["x", "y"], "e": "fin", "t": 1})");
    const auto examples = task.examples();
    CHECK(examples[0].texts[0].context == "y fin\n\na");
    CHECK(examples[0].texts[1].context == "y fin\n\nb");
  }
  SECTION("written") {
    TaskRows task("choice",
                  R"("prompt": "{q}", "choices": "{c}", "target": "{t}", "written": true,
                     "written_prompt": "{q}\n{c|options}\n=", "written_answers": "{c|letters}",
                     "delimiter": "")" +
                      fewshot,
                  R"({"q": "q", "c": ["a", "b"], "t": 0})");
    task.write("solved.jsonl", R"({"q": "s", "c": ["x", "y"], "t": 1})");
    CHECK(task.examples()[0].prompt == "s\nA. x\nB. y\n=B\n\nq\nA. a\nB. b\n=");
  }
  SECTION("continuation") {
    TaskRows task("continuation", R"("prompt": "{p}", "continuation": "{c}")" + fewshot,
                  R"({"p": "a", "c": "b"})");
    task.write("solved.jsonl", R"({"p": "x", "c": "y"})");
    CHECK(task.examples()[0].texts[0].context == "x y\n\na");
  }
}

TEST_CASE("unsuitable few-shot data is an error", "[tasks]") {
  TaskRows few("generate", generate(R"({"data": "solved.jsonl", "count": 3})"), rows(1));
  few.write("solved.jsonl", rows(2));
  expect_input_error([&] { few.examples(); },
                     {"has 2 rows", "expected 3 or more", "task.json: fewshot.count"});
  const TaskRows same("generate", generate(R"({"data": "rows.jsonl", "count": 2})"), rows(2));
  expect_input_error([&] { same.examples(); },
                     {"has 2 different rows", "expected 3", "besides the evaluated row"});
  const std::string row = "{\"q\": \"q\", \"a\": \"a\"}\n";
  const TaskRows equal("generate", generate(R"({"data": "rows.jsonl", "count": 1})"), row + row);
  expect_input_error([&] { equal.examples(); }, {"has 1 different row", "expected 2"});
  few.write("solved.jsonl", "{\"query\": 1}\n{\"query\": 1}\n{\"query\": 1}\n");
  expect_input_error([&] { few.examples(); }, {"also need: q, a", "solved.jsonl:1"});
  const TaskRows missing("generate", generate(R"({"data": "none.jsonl", "count": 1})"), rows(1));
  expect_input_error([&] { missing.examples(); }, {"none.jsonl"});
}
