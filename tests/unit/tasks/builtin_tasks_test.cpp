#include "catch.h"
#include "config/config_files.h"
#include "config/task_config.h"
#include "config/task_search.h"
#include "tasks/example.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

/// The example of a row, and its prompt if the model writes.
struct OneRow {
  TaskExample scored, written;
};

TaskConfig builtin(const std::string& name) {
  return load_task(builtin_task_folder() / (name + ".json"));
}

OneRow one_row(const std::string& name, const std::string& row) {
  const TempDirectory folder;
  write_text(folder / "row.jsonl", parse_json(row, "row").dump());  // on one line
  TaskConfig task = builtin(name);
  task.data = folder / "row.jsonl";
  task.fewshot.count = 0;
  OneRow out;
  out.scored = load_examples(task).at(0);
  if (task.type == TaskType::kChoice) {
    task.written = true;
    out.written = load_examples(task).at(0);
  }
  return out;
}

/// A choice row with one prompt: what both shapes of the data have to give.
void check_choice(const OneRow& row, const std::string& prompt,
                  const std::vector<std::string>& choices, std::int64_t target,
                  const std::string& written, const std::vector<std::string>& answers) {
  REQUIRE(row.scored.texts.size() == choices.size());
  for (std::size_t i = 0; i < choices.size(); ++i) {
    CHECK(row.scored.texts[i].context == prompt);
    CHECK(row.scored.texts[i].continuation == " " + choices[i]);
  }
  CHECK(row.scored.choices == choices);
  CHECK(row.scored.target == target);
  CHECK(row.written.prompt == written);
  CHECK(row.written.choices == answers);
  CHECK(row.written.target == target);
}

}  // namespace

TEST_CASE("all built-in tasks are valid", "[tasks]") {
  const ScopedVariable unset("EXPANDFT_TASKS", nullptr);
  for (const char* const name :
       {"wikitext", "winogrande", "hellaswag", "piqa", "arc_easy", "arc_challenge", "boolq",
        "openbookqa", "sciq", "lambada_openai", "mathqa", "gsm8k", "rte", "wmt14_en_fr",
        "translation", "squad_completion"}) {
    INFO(name);
    const TaskConfig task = builtin(name);
    CHECK(task.name == name);
    CHECK_FALSE(task.description.empty());
    CHECK_FALSE(task.source.empty());
    CHECK(task.data.filename() == std::string(name) + ".jsonl");
    CHECK_NOTHROW(check_task(task));
    for (const TaskForm& form : task.forms) {
      CHECK(form.written.has_value() == (task.type == TaskType::kChoice));
    }
  }
}

TEST_CASE("raw rows and query rows give the same prompts", "[tasks]") {
  const ScopedVariable unset("EXPANDFT_TASKS", nullptr);
  const std::vector<std::string> letters = {"A", "B"}, no_yes = {"no", "yes"};
  const std::string piqa = "Question: open a jar\n", listed = "A. twist\nB. hit\n";
  check_choice(one_row("piqa", R"({"goal": "open a jar", "sol1": "twist", "sol2": "hit",
                                   "label": 0})"),
               piqa + "Answer:", {"twist", "hit"}, 0, piqa + listed + "Answer:", letters);
  check_choice(one_row("piqa", R"({"query": "Question: open a jar\n", "gold": 0,
                                   "choices": ["twist", "hit"]})"),
               piqa + "Answer:", {"twist", "hit"}, 0, piqa + listed + "Answer:", letters);

  for (const char* const arc : {"arc_easy", "arc_challenge"}) {
    const std::string question = "Question: What?\n";
    check_choice(one_row(arc, R"({"question": "What?", "answerKey": "2",
                                  "choices": {"text": ["x", "y"], "label": ["1", "2"]}})"),
                 question + "Answer:", {"x", "y"}, 1, question + "A. x\nB. y\nAnswer:", letters);
    check_choice(one_row(arc, R"({"query": "Question: What?", "choices": ["x", "y"], "gold": 1})"),
                 question + "Answer:", {"x", "y"}, 1, question + "A. x\nB. y\nAnswer:", letters);
  }

  const std::string boolq = "It is.\nQuestion: is it?";
  const std::string asked = boolq + " Answer no or yes.\nAnswer:";
  check_choice(one_row("boolq", R"({"passage": "It is.", "question": "is it", "label": 1})"),
               boolq + "\nAnswer:", no_yes, 1, asked, no_yes);
  check_choice(one_row("boolq", R"({"query": "Passage: It is.\nQuestion: is it?", "gold": 1,
                                    "choices": ["no", "yes"]})"),
               boolq + "\nAnswer:", no_yes, 1, asked, no_yes);

  const std::string book = "Question: Fog is around\nA. a marsh\nB. a desert\nAnswer:";
  check_choice(one_row("openbookqa", R"({"question_stem": "Fog is around", "answerKey": " A",
                         "choices": {"text": ["a marsh", "a desert"], "label": ["A", "B"]}})"),
               "Fog is around", {"a marsh", "a desert"}, 0, book, letters);
  check_choice(one_row("openbookqa", R"({"query": "Fog is around", "gold": 0,
                                         "choices": ["a marsh", "a desert"]})"),
               "Fog is around", {"a marsh", "a desert"}, 0, book, letters);

  const std::string scene = "Baking: He cooks. The oven is hot";
  const std::string how = scene + "\nQuestion: How does it go on?\nA. off.\nB. on. x\nAnswer:";
  check_choice(one_row("hellaswag", R"({"activity_label": "Baking", "ctx_a": "He cooks.",
                         "ctx_b": "the OVEN is hot", "label": "1",
                         "endings": ["off.", "[step] on [title] x"]})"),
               scene, {"off.", " on. x"}, 1, how, letters);
  check_choice(one_row("hellaswag", R"({"query": "Baking: He cooks. The oven is hot", "gold": 1,
                                        "choices": ["off.", "on. x"]})"),
               scene, {"off.", "on. x"}, 1, how, letters);
}

TEST_CASE("tasks with a prompt of their own", "[tasks]") {
  const ScopedVariable unset("EXPANDFT_TASKS", nullptr);
  const std::vector<std::string> four = {"w", "x", "y", "z"};
  check_choice(one_row("sciq", R"({"support": "  Read.", "question": "Which?", "distractor1": "w",
                         "distractor2": "x", "distractor3": "y", "correct_answer": "z"})"),
               "Read.\nQuestion: Which?\nAnswer:", four, 3,
               "Read.\nQuestion: Which?\nw, x, y or z?\nAnswer:", four);
  check_choice(one_row("mathqa", R"({"Problem": "1 + 1 ?", "correct": "b",
                                     "options": "a ) 1 , b ) 2 , e ) 3"})"),
               "Question: 1 + 1 ?\nAnswer:", {"1", "2", "3"}, 1,
               "Question: 1 + 1 ?\nA. 1\nB. 2\nC. 3\nAnswer:", {"A", "B", "C"});
  const std::string letters = "Question: 1 + 1 ?\nA. 1\nB. 2\nAnswer:";
  check_choice(one_row("mathqa", R"({"query": "Question: 1 + 1 ?\nA. 1\nB. 2\nAnswer: ",
                                     "choices": ["A", "B"], "gold": 1})"),
               letters, {"A", "B"}, 1, letters, {"A", "B"});
  const std::string rte = "It rained.\nQuestion: It was wet. True or False?\nAnswer:";
  check_choice(one_row("rte", R"({"sentence1": "It rained.", "sentence2": "It was wet.",
                                  "label": 0})"),
               rte, {"True", "False"}, 0, rte, {"True", "False"});
  for (const char* const name : {"sciq", "rte"}) {
    const OneRow row = one_row(name, R"({"query": "Q", "choices": ["x", "y"], "gold": 0})");
    CHECK(row.scored.texts.at(1).context == "Q");
    CHECK(row.written.target == 0);
  }
}

TEST_CASE("winogrande's choices are contexts", "[tasks]") {
  const ScopedVariable unset("EXPANDFT_TASKS", nullptr);
  const OneRow raw = one_row("winogrande", R"({"sentence": "Ann thanked Bo as _ had help. ",
                               "option1": "Ann", "option2": "Bo", "answer": "1"})");
  const OneRow query = one_row("winogrande", R"({"continuation": "had help.", "gold": 0,
      "context_options": ["Ann thanked Bo as Ann", "Ann thanked Bo as Bo"]})");
  for (const OneRow* const row : {&raw, &query}) {
    REQUIRE(row->scored.texts.size() == 2);
    CHECK(row->scored.texts[0].context == "Ann thanked Bo as Ann");
    CHECK(row->scored.texts[1].context == "Ann thanked Bo as Bo");
    CHECK(row->scored.texts[0].continuation == " had help.");
    CHECK(row->scored.target == 0);
    CHECK(row->written.choices == std::vector<std::string>{"A", "B"});
  }
  CHECK(raw.written.prompt ==
        "Ann thanked Bo as _ had help. \nQuestion: What does _ stand for?\nA. Ann\nB. Bo\nAnswer:");
  CHECK(query.written.prompt ==
        "A. Ann thanked Bo as Ann\nB. Ann thanked Bo as Bo\n"
        "Question: Which of these goes on with \"had help.\"?\nAnswer:");
}

TEST_CASE("tasks without choices", "[tasks]") {
  const ScopedVariable unset("EXPANDFT_TASKS", nullptr);
  for (const char* const row :
       {R"({"text": "I like my dog"})", R"({"context": "I like my", "continuation": "dog"})"}) {
    const TaskExample lambada = one_row("lambada_openai", row).scored;
    CHECK(lambada.texts.at(0).context == "I like my");
    CHECK(lambada.texts.at(0).continuation == " dog");
  }
  for (const char* const row :
       {R"({"question": "2 - 1?", "answer": "It is 1.\n#### 1"})",
        R"({"context": "2 - 1?", "chain_of_thought": "It is 1.", "answer": "1"})"}) {
    const TaskExample gsm8k = one_row("gsm8k", row).scored;
    CHECK(gsm8k.prompt == "Question: 2 - 1?\nAnswer:");
    CHECK(gsm8k.references == std::vector<std::string>{"It is 1.\n#### 1"});
  }
  for (const char* const row :
       {R"({"translation": {"en": "Yes.", "fr": "Oui."}})", R"({"en": "Yes.", "fr": "Oui."})"}) {
    const TaskExample wmt = one_row("wmt14_en_fr", row).scored;
    CHECK(wmt.prompt == "English phrase: Yes.\nFrench phrase:");
    CHECK(wmt.references == std::vector<std::string>{"Oui."});
  }
  const TaskExample any =
      one_row("translation", R"({"source": "Ja.", "target": "Yes.", "source_language": "German",
                                 "target_language": "English"})")
          .scored;
  CHECK(any.prompt == "German phrase: Ja.\nEnglish phrase:");
  CHECK(any.references == std::vector<std::string>{"Yes."});
  const TaskExample squad =
      one_row("squad_completion", R"({"text": " The sky is\n", "value": " blue "})").scored;
  CHECK(squad.prompt == "The sky is");
  CHECK(squad.references == std::vector<std::string>{"blue"});
  const TaskExample wikitext = one_row("wikitext", R"({"page": " = A = \n 1 @,@ 000 \n"})").scored;
  CHECK(wikitext.texts.at(0).continuation == " = A =\n1,000\n");
  CHECK(wikitext.words == 8);
  CHECK(wikitext.bytes == 20);
}

TEST_CASE("gsm8k has five solved examples and is judged as in the harness", "[tasks]") {
  const ScopedVariable unset("EXPANDFT_TASKS", nullptr);
  const TaskConfig task = builtin("gsm8k");
  CHECK(task.fewshot.count == 5);
  CHECK(task.fewshot.random);
  CHECK(task.fewshot.seed == 1234);
  CHECK(task.fewshot.data.filename() == "gsm8k.train.jsonl");
  REQUIRE(task.metrics.size() == 2);
  CHECK(task.metrics[0].name == "strict_match");
  CHECK(task.metrics[1].name == "flexible_extract");
  CHECK(task.metrics[1].last);
}
