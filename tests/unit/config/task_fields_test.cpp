#include "catch.h"
#include "config/config_files.h"
#include "config/task_config.h"
#include "config/task_metrics.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

using Texts = std::vector<std::string>;

TaskConfig read(const std::string& text) {
  const TempDirectory folder;
  write_text(folder / "t.json", text);
  return load_task(folder / "t.json");
}

std::string task(const std::string& type, const std::string& keys) {
  return R"({"name": "t", "data": "d", "type": ")" + type + "\", " + keys + "}";
}

/// Checks that all of `parts` stand in the one error of a file with these keys.
void expect_problems(const std::string& type, const std::string& keys, const Texts& parts) {
  const Error error = error_of([&] { read(task(type, keys)); });
  CHECK(error.code() == ExitCode::kBadInput);
  for (const std::string& part : parts) {
    INFO("message: " << error.message() << "\nmissing: " << part);
    CHECK(has(error.message(), part));
  }
}

Texts metric_names(const TaskConfig& config) {
  Texts names;
  for (const MetricConfig& metric : config.metrics) names.push_back(metric.name);
  return names;
}

const std::string kChoice = R"("prompt": "p", "choices": "{c}", "target": "{t}")";
const std::string kGenerate = R"("prompt": "p", "reference": "{r}")";

}  // namespace

TEST_CASE("a choice task is read with all of its keys", "[config]") {
  const TaskConfig least = read(task("choice", kChoice));
  CHECK(least.type == TaskType::kChoice);
  CHECK(task_type_name(least.type) == "choice");
  REQUIRE(least.forms.size() == 1);
  CHECK(least.forms[0].key.empty());
  CHECK(least.forms[0].prompt == "p");
  CHECK(least.forms[0].choices == Texts{"{c}"});
  CHECK(least.forms[0].target == "{t}");
  CHECK_FALSE(least.forms[0].written.has_value());
  CHECK(least.delimiter == " ");
  CHECK(least.fewshot_delimiter == "\n\n");
  CHECK(least.until == Texts{"\n"});
  CHECK(least.fewshot.count == 0);
  CHECK_FALSE(least.written);
  CHECK(metric_names(least) == Texts{"acc", "acc_norm"});

  const TaskConfig full = read(task("choice", R"("forms": [
      {"contexts": ["a", "b"], "continuation": "c", "target": "0", "labels": ["x", "y"]},
      {"prompt": "p", "choices": ["q", "r"], "target": "1",
       "written_prompt": "w", "written_answers": ["A", "B"]}],
    "delimiter": "", "fewshot_delimiter": "\n", "max_examples": 9, "max_tokens": 5, "source": "s",
    "until": ["a", "b"], "written": true,
    "fewshot": {"data": "f.jsonl", "count": 3, "sampling": "first", "seed": 7},
    "metrics": ["acc"])"));
  REQUIRE(full.forms.size() == 2);
  CHECK(full.forms[0].key == "forms[0]");
  CHECK(full.forms[0].contexts == Texts{"a", "b"});
  CHECK(full.forms[0].continuation == "c");
  CHECK(full.forms[0].labels == Texts{"x", "y"});
  CHECK(full.forms[1].key == "forms[1]");
  REQUIRE(full.forms[1].written.has_value());
  CHECK(full.forms[1].written->prompt == "w");
  CHECK(full.forms[1].written->answers == Texts{"A", "B"});
  CHECK(full.delimiter.empty());
  CHECK(full.fewshot_delimiter == "\n");
  CHECK(full.max_examples == 9);
  CHECK(full.max_tokens == 5);
  CHECK(full.source == "s");
  CHECK(full.until == Texts{"a", "b"});
  CHECK(full.written);
  CHECK(full.fewshot.data.filename() == "f.jsonl");
  CHECK(full.fewshot.data.is_absolute());
  CHECK(full.fewshot.count == 3);
  CHECK_FALSE(full.fewshot.random);
  CHECK(full.fewshot.seed == 7);
  CHECK(metric_names(full) == Texts{"acc"});
}

TEST_CASE("the other types, and their metrics when nothing is said", "[config]") {
  const TaskConfig continuation =
      read(task("continuation", R"("prompt": "p", "continuation": "c")"));
  CHECK(continuation.forms[0].continuation == "c");
  CHECK(metric_names(continuation) == Texts{"acc", "perplexity"});
  CHECK(continuation.until.empty());
  const TaskConfig rolling = read(task("rolling", R"("text": "{t}", "counted": "{u}")"));
  CHECK(rolling.forms[0].text == "{t}");
  CHECK(rolling.forms[0].counted == "{u}");
  CHECK(metric_names(rolling) == Texts{"word_perplexity", "byte_perplexity", "bits_per_byte"});
  const TaskConfig perplexity = read(task("perplexity", R"("block_length": 4)"));
  CHECK(perplexity.forms.empty());
  CHECK(metric_names(perplexity) == Texts{"perplexity", "loss", "bits_per_byte"});
  CHECK(metric_names(read(task("choice", kChoice + R"(, "written": true)"))) == Texts{"acc"});
  CHECK(default_metrics(TaskType::kGenerate, false).empty());
}

TEST_CASE("metrics have options", "[config]") {
  const TaskConfig generate = read(task("generate", kGenerate + R"(, "until": "x", "metrics": [
      "bleu", {"exact_match": {"name": "last", "extract": "[0-9]+", "select": "last",
        "ignore": [",", "\\$"], "ignore_case": true, "ignore_punctuation": true}},
      {"exact_match": {"ignore": "a"}}, {"contains": {}}, {"chrf": {"name": "characters"}}])"));
  CHECK(generate.until == Texts{"x"});
  CHECK(generate.forms[0].references == Texts{"{r}"});
  CHECK(metric_names(generate) == Texts{"bleu", "last", "exact_match", "contains", "characters"});
  const MetricConfig& match = generate.metrics[1];
  CHECK(match.metric == "exact_match");
  CHECK(match.extract == "[0-9]+");
  CHECK(match.last);
  CHECK(match.ignore == Texts{",", "\\$"});
  CHECK(match.ignore_case);
  CHECK(match.ignore_punctuation);
  CHECK(generate.metrics[2].ignore == Texts{"a"});
  CHECK_FALSE(generate.metrics[2].extract.has_value());
  CHECK_FALSE(generate.metrics[2].last);
}

TEST_CASE("metrics that are not there, or not as they should be", "[config]") {
  const auto metrics = [](const std::string& list, const Texts& parts) {
    expect_problems("generate", kGenerate + R"(, "metrics": )" + list, parts);
  };
  expect_problems("generate", kGenerate, {"metrics: missing, but required"});
  metrics("[]", {"metrics: found []; allowed: a list of metrics"});
  metrics(R"("bleu")", {"metrics: found \"bleu\""});
  metrics(R"(["blue", "acc", 3, {}])",
          {"4 problems", "metrics[0]: found \"blue\"", "did you mean \"bleu\"?",
           "metrics[1]: found \"acc\"; metrics of a generate task: exact_match, contains, bleu",
           "metrics[2]: found 3", "metrics[3]: found {}"});
  metrics(R"(["bleu", "bleu"])", {"metrics[1]: another metric is called \"bleu\" too"});
  metrics(R"([{"exact_match": 1}])", {"metrics[0].exact_match: found 1; allowed: an object"});
  metrics(
      R"([{"exact_match": {"extarct": "a", "select": "last", "ignore_case": 1, "ignore": []}}])",
      {"exact_match.extarct: unknown key; did you mean \"metrics[0].exact_match.extract\"?",
       "exact_match.select: it chooses among the matches of \"extract\"",
       "exact_match.ignore_case: found 1; allowed: true or false", "exact_match.ignore: found []"});
  metrics(R"([{"exact_match": {"extract": "a", "select": "second", "name": ""}}])",
          {"select: found \"second\"; allowed: one of \"first\", \"last\"", "name: found \"\""});
  metrics(R"([{"bleu": {"extract": "a"}}])", {"only exact_match and contains have it"});
  expect_problems("choice", kChoice + R"(, "metrics": ["acc_norm"], "written": true)",
                  {"whose answers are written: acc"});
}

TEST_CASE("a key of another type is an error that says whose it is", "[config]") {
  expect_problems(
      "perplexity",
      R"("prompt": "p", "fewshot": {"data": "x", "count": 1}, "max_examples": 3,
                     "until": "a", "written": true)",
      {"prompt: not used by perplexity tasks, only by choice, continuation and "
       "generate tasks",
       "fewshot.data: not used by perplexity tasks", "fewshot.count: not used by perplexity",
       "max_examples: not used by perplexity tasks, only by rolling, choice",
       "until: not used by perplexity tasks, only by choice and generate tasks",
       "written: not used by perplexity tasks, only by choice tasks"});
  expect_problems("perplexity", R"("forms": [{}])", {"forms: not used by perplexity tasks"});
  expect_problems(
      "rolling", R"("text": "t", "block_length": 3, "choices": "{c}", "target": "0")",
      {"block_length: not used by rolling tasks, only by perplexity tasks",
       "choices: not used by rolling tasks, only by choice tasks", "target: not used by rolling"});
  expect_problems("generate", kGenerate + R"(, "metrics": ["bleu"], "text": "t", "delimiter": 1)",
                  {"text: not used by generate tasks", "delimiter: found 1; allowed: a string"});
}

TEST_CASE("forms lack keys, or have too many", "[config]") {
  expect_problems("choice", R"("prompt": "p")", {"choices: missing, but required", "target: miss"});
  expect_problems("choice", R"("contexts": ["a", "b"])", {"continuation: missing", "target: miss"});
  expect_problems("choice", kChoice + R"(, "continuation": "c")",
                  {"continuation: found beside no contexts; allowed: either"});
  expect_problems("choice", kChoice + R"(, "contexts": ["a", "b"], "continuation": "c")",
                  {"prompt: found beside contexts", "choices: found beside contexts"});
  expect_problems("choice", kChoice + R"(, "written_prompt": "w")", {"written_answers: missing"});
  expect_problems("choice", kChoice + R"(, "written_answers": "w")", {"written_prompt: missing"});
  expect_problems("choice", R"("prompt": 1, "choices": [], "target": 1)",
                  {"prompt: found 1; allowed: a string", "choices: found []", "target: found 1"});
  expect_problems("choice", R"("prmopt": "p")", {"prmopt: unknown key; did you mean \"prompt\"?"});
  expect_problems("continuation", R"("prompt": "p")", {"continuation: missing"});
  expect_problems("rolling", R"("counted": "p")", {"text: missing"});
  expect_problems("choice", R"("forms": [])", {"forms: found []"});
  expect_problems("choice", R"("forms": {})", {"forms: found {}"});
  expect_problems("choice", kChoice + R"(, "forms": [{)" + kChoice + "}]",
                  {"forms: found beside choices at the top; allowed: only one of the two"});
  expect_problems(
      "choice", R"("forms": [3, {"prompt": "p", "choises": 1, "text": "t"},
                             {"contexts": "{c}", "continuation": 4, "target": "0"}])",
      {"forms[0]: found 3; allowed: an object",
       "forms[1].choises: unknown key; did you mean \"forms[1].choices\"?",
       "forms[1].text: not used by choice tasks", "forms[1].choices: missing",
       "forms[1].target: missing", "forms[2].continuation: found 4; allowed: a string"});
  expect_problems("choice", kChoice + R"(, "fewshot": {"count": -1, "sampling": "all", "sed": 1})",
                  {"fewshot.data: missing", "fewshot.count: found -1",
                   "fewshot.sampling: found \"all\"", "fewshot.sed: unknown key"});
}

TEST_CASE("without a type, what depends on it is left alone", "[config]") {
  for (const char* const keys :
       {R"("prompt": 1, "choices": {}, "until": 3)", R"("forms": 3)", R"("forms": [3])",
        R"("metrics": [3])", R"("metrics": 3, "written_answers": [1])",
        R"("fewshot": {"data": 1})"}) {
    INFO(keys);
    expect_problems("chioce", keys, {"type: found \"chioce\""});
    CHECK_THROWS_AS(read(std::string(R"({"name": "t", "data": "d", )") + keys + "}"), Error);
  }
}

TEST_CASE("the reference of task keys names each", "[config]") {
  const std::string text = task_config_reference();
  for (const char* const key : {"name",           "type",
                                "data",           "description",
                                "source",         "max_examples",
                                "block_length",   "max_tokens",
                                "delimiter",      "fewshot_delimiter",
                                "until",          "written",
                                "metrics",        "forms",
                                "prompt",         "choices",
                                "contexts",       "continuation",
                                "target",         "labels",
                                "written_prompt", "written_answers",
                                "reference",      "text",
                                "counted",        "count",
                                "sampling",       "seed"}) {
    INFO(key);
    CHECK(has(text, "| `" + std::string(key) + "` |"));
  }
  CHECK(has(text, "### `fewshot`"));
}
