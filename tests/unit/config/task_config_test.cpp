#include "config/task_config.h"

#include "catch.h"
#include "config/config_files.h"
#include "config/task_search.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

std::string task(const std::string& name) {
  return R"({"name": ")" + name + R"(", "type": "perplexity", "data": "text.txt"})";
}

std::vector<std::string> names(const fs::path& beside) {
  std::vector<std::string> out;
  for (const TaskConfig& one : list_tasks(beside)) out.push_back(one.name);
  return out;
}

}  // namespace

TEST_CASE("a task file is read with its defaults", "[config]") {
  const TempDirectory folder;
  write_text(folder / "a.json", task("a"));
  const TaskConfig least = load_task(folder / "a.json");
  const fs::path root = fs::canonical(folder.path());
  CHECK(least.name == "a");
  CHECK(least.type == TaskType::kPerplexity);
  CHECK(least.data == root / "text.txt");
  CHECK(least.file == root / "a.json");
  CHECK(least.block_length == 256);
  CHECK(least.max_tokens == 0);
  write_text(folder / "b.json", R"({"$schema": "x", "name": "b", "type": "perplexity",
    "data": "/d.txt", "block_length": 64, "max_tokens": 1000, "description": "d"})");
  const TaskConfig full = load_task(folder / "b.json");
  CHECK(full.data == "/d.txt");
  CHECK(full.block_length == 64);
  CHECK(full.max_tokens == 1000);
  CHECK(full.description == "d");
}

TEST_CASE("all problems of a task file stand in one input error", "[config]") {
  const TempDirectory folder;
  const fs::path file = folder / "t.json";
  const auto message = [&](const std::string& text) {
    write_text(file, text);
    const Error error = error_of([&] { load_task(file); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(has(error.where(), file.string()));
    return error.message();
  };
  const std::string all = message(
      R"({"name": 1, "type": "chioce", "block_lenght": 3, "block_length": 1, "max_tokens": -1})");
  CHECK(has(all, "name: found 1; allowed: a string"));
  CHECK(has(all, "type: found \"chioce\"; allowed: one of \"perplexity\", \"rolling\""));
  CHECK(has(all, "block_lenght: unknown key; did you mean \"block_length\"?"));
  CHECK(has(all, "block_length: found 1; allowed: an integer from 2"));
  CHECK(has(all, "max_tokens: found -1"));
  CHECK(has(all, "data: missing"));
  CHECK(has(message(R"({"name": "", "type": "perplexity", "data": "d"})"), "name: found \"\""));
  CHECK(has(message("3"), "allowed: an object"));
  message("{");
  CHECK(error_of([&] { load_task(folder / "none.json"); }).code() == ExitCode::kBadInput);
}

TEST_CASE("tasks are found by path, beside the config, in tasks/, and among the built-in",
          "[config]") {
  const TempDirectory folder;
  const ScopedVariable builtin("EXPANDFT_TASKS", (folder / "builtin").c_str());
  write_text(folder / "text.txt", "a");
  for (const char* place : {"builtin", "here", "here/tasks", "elsewhere"}) {
    write_text(folder / place / "text.txt", "a");
  }
  write_text(folder / "builtin/far.json", task("far"));
  write_text(folder / "builtin/both.json", task("both"));
  write_text(folder / "here/tasks/both.json", task("both"));
  write_text(folder / "here/near.json", task("near"));
  write_text(folder / "here/run.json", R"({"model": "m", "name": "no task"})");
  write_text(folder / "here/broken.json", "{");
  write_text(folder / "elsewhere/other.json", task("other"));
  const fs::path here = fs::canonical(folder / "here");

  CHECK(builtin_task_folder() == folder / "builtin");
  CHECK(find_task("far", here).file == here.parent_path() / "builtin/far.json");
  CHECK(find_task("near", here).file == here / "near.json");
  CHECK(find_task("both", here).file == here / "tasks/both.json");
  CHECK(find_task("../elsewhere/other.json", here).name == "other");
  CHECK(find_task((folder / "elsewhere/other.json").string(), here).name == "other");
  CHECK(find_task("near.json", here).name == "near");
  CHECK(names(here) == std::vector<std::string>{"near", "both", "far"});

  SECTION("an unknown name lists the known ones and the nearest") {
    const Error error = error_of([&] { find_task("naer", here); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(has(error.message(), "no task is called \"naer\""));
    CHECK(has(error.hint(), "did you mean \"near\"?"));
    CHECK(has(error.hint(), "found: near, both, far"));
  }
  SECTION("missing data is an input error with a hint") {
    fs::remove(here / "text.txt");
    fs::remove(here / "tasks/text.txt");
    const Error error = error_of([&] { find_task("near", here); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(has(error.message(), (here / "text.txt").string()));
    CHECK(has(error.where(), "near.json: data"));
    CHECK(has(error.hint(), "relative to the task file"));
  }
  SECTION("a broken file among the tasks is an error when it is asked for") {
    write_text(folder / "here/tasks/bad.json", "{");
    CHECK(find_task("near", here).name == "near");
    CHECK(has(error_of([&] { find_task("bad", here); }).where(), "bad.json"));
    CHECK(has(error_of([&] { list_tasks(here); }).where(), "bad.json"));
  }
  SECTION("no tasks at all") {
    const ScopedVariable none("EXPANDFT_TASKS", (folder / "nowhere").c_str());
    CHECK(has(error_of([&] { find_task("x", folder / "nowhere"); }).hint(), "no tasks were found"));
    CHECK(list_tasks(folder / "nowhere").empty());
  }
  SECTION("a path that is not there") {
    CHECK(has(error_of([&] { find_task("./none.json", here); }).message(), "no such file"));
  }
}

TEST_CASE("the built-in tasks are there, with their data", "[config]") {
  const ScopedVariable unset("EXPANDFT_TASKS", nullptr);
  CHECK(fs::is_directory(builtin_task_folder()));
  for (const char* name : {"tinystories", "shakespeare"}) {
    const TaskConfig found = find_task(name, {});
    CHECK(found.block_length == 256);
    CHECK_FALSE(found.description.empty());
  }
}
