#include "run/run_inputs.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "config/config_files.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

/// A run whose every input is there.
RunConfig complete_run(const TempDirectory& folder) {
  Json json = least_config();
  json["data"]["validation"] = "valid.txt";
  json["evaluation"] = {{"original_tasks", {"mine"}}};
  write_text(folder / "run.json", json.dump());
  write_text(folder / "model/config.json", "{}");
  write_text(folder / "train.txt", "a");
  write_text(folder / "valid.txt", "a");
  write_text(folder / "tasks/mine.json",
             R"({"name": "mine", "type": "perplexity", "data": "../valid.txt"})");
  return load_run_config(folder / "run.json").run;
}

}  // namespace

TEST_CASE("a run whose inputs are there passes", "[config]") {
  const TempDirectory folder;
  const RunConfig run = complete_run(folder);
  CHECK_NOTHROW(check_run_inputs(run));
  fs::create_directory(run.output);
  CHECK_NOTHROW(check_run_inputs(run));
}

TEST_CASE("each missing input is an input error at its JSON path", "[config]") {
  const TempDirectory folder;
  RunConfig run = complete_run(folder);
  const auto error = [&] { return error_of([&] { check_run_inputs(run); }); };

  SECTION("model") {
    run.model = folder / "none";
    CHECK(error().where() == "model");
    CHECK(has(error().message(), "no such folder: " + run.model.string()));
    run.model = folder / "train.txt";
    CHECK(has(error().message(), "not a folder"));
    run.model = folder / "tasks";
    CHECK(has(error().message(), "no config.json"));
  }
  SECTION("output") {
    run.output = folder / "train.txt";
    CHECK(error().where() == "output");
    run.output = run.model;
    CHECK(has(error().message(), "never changed"));
    run.output = run.model / "inside";
    CHECK(has(error().message(), "never changed"));
  }
  SECTION("an output that holds an input") {
    for (const char* const inside : {"out/merged", "out/deep/model"}) {
      fs::create_directories(folder / inside);
      write_text(folder / inside / "config.json", "{}");
    }
    run.output = folder / "out";
    run.model = folder / "out/merged";
    CHECK(error().where() == "output");
    CHECK(has(error().message(), "holds the model"));
    run.model = folder / "out/deep/model";
    CHECK(has(error().message(),
              "holds the model, which a new run would replace: " + run.model.string()));
    run.model = folder / "model";
    CHECK_NOTHROW(check_run_inputs(run));
    run.data.train = {{.path = folder / "out/train.txt"}};
    fs::create_symlink(folder / "train.txt", folder / "out/train.txt");  // the link would go
    CHECK(error().where() == "output");
    CHECK(has(error().message(), "holds an input of the run"));
    CHECK(has(error().message(), (folder / "out/train.txt").string()));
    run.data.train = {{.path = folder / "*.txt"}, {.path = folder / "out/t*.txt"}};
    CHECK(has(error().message(), (folder / "out/train.txt").string()));
    run.data.train = {{.path = folder / "train.txt"}};
    write_text(folder / "out/valid.txt", "a");
    run.data.validation = {{.path = folder / "out/valid.txt"}};
    CHECK(has(error().message(), "out/valid.txt"));
    run.data.validation.clear();
    run.output = folder / "tasks";
    CHECK(has(error().message(), "tasks/mine.json"));
    run.output = folder / "text";
    write_text(folder / "text/valid.txt", "a");
    write_text(folder / "tasks/mine.json",
               R"({"name": "mine", "type": "perplexity", "data": "../text/valid.txt"})");
    CHECK(has(error().message(), "text/valid.txt"));
  }
  SECTION("data") {
    fs::remove(folder / "train.txt");
    CHECK(error().where() == "data.train");
    CHECK(error().code() == ExitCode::kBadInput);
    fs::create_directory(folder / "empty");
    run.data.train = {{.path = folder / "valid.txt"}, {.path = folder / "empty"}};
    CHECK(error().where() == "data.train[1]");
    CHECK(has(error().message(), "no data in the folder"));
    run.data.train = {{.path = folder / "none-*.txt", .weight = 2}};
    CHECK(error().where() == "data.train[0]");
    CHECK(has(error().message(), "no file matches"));
    run.data.train = {{.path = folder / "valid.txt"}};
    run.data.validation = {{.path = folder / "none.txt"}};
    CHECK(error().where() == "data.validation");
    run.data.validation.clear();
    run.data.train = {{.path = folder.path()}};
    CHECK(error().where() == "output");
    CHECK(has(error().message(), "is inside a folder of data: " + folder.path().string()));
  }
  SECTION("patience without validations") {
    run.training.early_stopping_patience = 3;
    CHECK(error().where() == "training.early_stopping_patience");
    run.training.validate_every = 10;
    CHECK_NOTHROW(check_run_inputs(run));
    run.data.validation.clear();
    CHECK(has(error().message(), "data.validation"));
  }
  SECTION("tasks") {
    run.evaluation.tasks = {"mine", "mien"};
    CHECK(error().where() == "evaluation.tasks[1]");
    CHECK(has(error().message(), "did you mean \"mine\"?"));
    run.evaluation.tasks.clear();
    fs::remove(folder / "valid.txt");
    CHECK(has(error().where(), "evaluation.original_tasks[0]"));
    CHECK(has(error().message(), "the data of task \"mine\" was not found"));
  }
  SECTION("all at once") {
    run.model = folder / "none";
    run.data.train = {{.path = folder / "none.txt"}};
    run.evaluation.original_tasks = {"unknown-task"};
    CHECK(error().where() == "model, data.train, evaluation.original_tasks[0]");
    CHECK(has(error().message(), "3 problems:"));
  }
}
