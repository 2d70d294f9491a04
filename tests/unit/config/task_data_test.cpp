#include "catch.h"
#include "config/config_files.h"
#include "config/task_config.h"
#include "config/task_search.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

const char* const kTask = R"({"name": "t", "type": "generate", "data": "d.jsonl",
  "prompt": "p", "reference": "r", "metrics": ["bleu"], "source": "a data set, test"})";

const char* const kFewShotTask = R"({"name": "t", "type": "generate", "data": "d.jsonl",
  "prompt": "p", "reference": "r", "metrics": ["bleu"], "fewshot": {"data": "f.jsonl", "count": 1}})";

}  // namespace

TEST_CASE("data is looked for in several folders, nearest first", "[config]") {
  const TempDirectory folder;
  const fs::path root = fs::canonical(folder.path());
  const ScopedVariable builtin("EXPANDFT_TASKS", (root / "builtin").c_str());
  const ScopedVariable data("EXPANDFT_TASK_DATA",
                            ((root / "v1").string() + "::" + (root / "v2").string()).c_str());
  write_text(root / "builtin/t.json", kTask);
  const fs::path beside = root / "run";
  const std::vector<fs::path> given = {root / "g1", root / "g2"};
  // Farthest first: each new file is nearer than those before.
  for (const char* const place :
       {"run/data/d.jsonl.gz", "run/data/d.jsonl", "run/tasks/d.jsonl", "run/d.jsonl", "v2/d.jsonl",
        "v1/d.jsonl.gz", "g2/d.jsonl", "g1/d.jsonl", "builtin/d.jsonl.gz", "builtin/d.jsonl"}) {
    INFO(place);
    write_text(root / place, "{}");
    CHECK(find_task("t", beside, given).data == root / place);
    CHECK(find_tasks({"t"}, beside, given).at(0).data == root / place);
    CHECK(list_tasks(beside, given).at(0).data == root / place);
    CHECK(list_tasks(beside, given).at(0).has_data);
  }
}

TEST_CASE("missing data is an error with the places and the source", "[config]") {
  const TempDirectory folder;
  const fs::path root = fs::canonical(folder.path());
  const ScopedVariable builtin("EXPANDFT_TASKS", (root / "builtin").c_str());
  const ScopedVariable data("EXPANDFT_TASK_DATA", (root / "v").c_str());
  write_text(root / "builtin/t.json", kTask);
  const Error error = error_of([&] { find_task("t", root / "run", {root / "g"}); });
  CHECK(error.code() == ExitCode::kBadInput);
  std::size_t at = 0;
  for (const char* const place : {"builtin/d.jsonl", "g/d.jsonl", "v/d.jsonl", "run/d.jsonl",
                                  "run/tasks/d.jsonl", "run/data/d.jsonl"}) {
    INFO(error.message() << "\nmissing: " << place);
    const std::size_t found = error.message().find("\n  - " + (root / place).string(), at);
    REQUIRE(found != std::string::npos);
    at = found + 1;
  }
  CHECK(has(error.message(), "\".gz\""));
  CHECK(has(error.where(), "builtin/t.json: data"));
  CHECK(has(error.hint(), "a data set, test"));
  CHECK(has(error.hint(), "docs/evaluation.md explains how"));
  const std::vector<TaskConfig> listed = list_tasks(root / "run");
  REQUIRE(listed.size() == 1);
  CHECK_FALSE(listed[0].has_data);
  CHECK(listed[0].data == root / "builtin/d.jsonl");
}

TEST_CASE("few-shot data is looked for likewise", "[config]") {
  const TempDirectory folder;
  const fs::path root = fs::canonical(folder.path());
  const ScopedVariable unset("EXPANDFT_TASK_DATA", nullptr);
  write_text(root / "t.json", kFewShotTask);
  write_text(root / "d.jsonl", "{}");
  const std::string task = (root / "t.json").string();
  CHECK(has(error_of([&] { find_task(task, root); }).where(), "t.json: fewshot.data"));
  write_text(root / "data/f.jsonl", "{}");
  CHECK(find_task(task, root).fewshot.data == root / "data/f.jsonl");
}

TEST_CASE("an absolute path is looked for in its place alone", "[config]") {
  const TempDirectory folder;
  const fs::path root = fs::canonical(folder.path());
  write_text(root / "t.json", R"({"name": "t", "type": "perplexity", "data": ")" +
                                  (root / "x/d.txt").string() + "\"}");
  const std::string task = (root / "t.json").string();
  const Error error = error_of([&] { find_task(task, root, {root / "g"}); });
  CHECK(has(error.message(), (root / "x/d.txt").string()));
  CHECK_FALSE(has(error.message(), (root / "g").string()));
  CHECK(has(error.hint(), "relative to the task file"));
  write_text(root / "x/d.txt.gz", "");
  CHECK(find_task(task, root).data == root / "x/d.txt.gz");
}
