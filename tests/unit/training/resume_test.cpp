#include "training/resume.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "report/json_values.h"
#include "training/health.h"
#include "training/small_run.h"

#include <set>

namespace expandft {
namespace {

using testing::error_of;
using testing::TempDirectory;

const Json kIdentity = {{"training", {{"seed", 7}, {"learning_rate", 0.001}}}};

/// A run of 20 steps of one sequence, 10 an epoch, with snapshots after steps 2, 4 and 6.
class SavedRun {
 public:
  SavedRun() {
    for (int i = 0; i < 10; ++i) {
      data_.examples.push_back({{1, 2, 3, 4}, {1, 1, 1, 1}});
    }
    training_.epochs = 2;
    training_.batch_size = 1;
    config_.packing = false;
    SmallRun run;
    BatchStream stream(data_, config_, training_);
    for (std::int64_t step = 1; step <= 6; ++step) {
      run.random_step();
      stream.next();
      if (step % 2 != 0) continue;
      save_snapshot(
          path(), {.step = step, .position = stream.position(), .tokens = step, .total_steps = 20},
          run.optimizer, kIdentity, 3);
      for (const auto& [name, tensor] : run.expansion.tensors()) {
        weights_[step].push_back(tensor.detach().clone());
      }
    }
  }

  const fs::path& path() const { return folder_.path(); }
  fs::path snapshot(std::int64_t step) const { return snapshot_path(path(), step); }
  TrainingConfig& training() { return training_; }

  TrainingState resume(const Json& identity = kIdentity) {
    SmallRun run;
    BatchStream stream(data_, config_, training_);
    TrainingState resumed =
        resume_run(path(), run.expansion.tensors(), run.optimizer, stream, training_, identity);
    CHECK(stream.position() == resumed.position);
    CHECK(run.optimizer.steps() == resumed.step);
    const auto copies = run.expansion.tensors();
    for (std::size_t i = 0; i < copies.size(); ++i) {
      CHECK(copies[i].second.equal(weights_.at(resumed.step)[i]));
    }
    return resumed;
  }

  std::set<std::string> folders() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path() / "checkpoints")) {
      names.insert(entry.path().filename());
    }
    return names;
  }

 private:
  TempDirectory folder_;
  Dataset data_;
  DataConfig config_;
  TrainingConfig training_;
  std::map<std::int64_t, std::vector<at::Tensor>> weights_;
};

void halve(const fs::path& file) {
  fs::resize_file(file, fs::file_size(file) / 2);
}

TEST_CASE("a run resumes from its newest snapshot") {
  SavedRun run;
  const TrainingState resumed = run.resume();
  CHECK(resumed.step == 6);
  CHECK(resumed.total_steps == 20);
  CHECK(run.folders() == std::set<std::string>{"step-000002", "step-000004", "step-000006"});
}

TEST_CASE("a damaged snapshot is set aside, and the one before it is used") {
  SavedRun run;
  const std::string name =
      GENERATE("state.json", "parameters.safetensors", "optimizer.safetensors", ".expandft");
  const std::string how = GENERATE("gone", "empty", "half", "cut by a byte");
  const fs::path file = run.snapshot(6) / name;
  if (how == "gone") fs::remove(file);
  if (how == "empty") fs::resize_file(file, 0);
  if (how == "half") halve(file);
  if (how == "cut by a byte")
    fs::resize_file(file, fs::file_size(file) - 2);  // 2 bytes: one is the line end
  INFO(name << " " << how);
  CHECK(run.resume().step == 4);
  CHECK(run.folders() ==
        std::set<std::string>{"step-000002", "step-000004", "step-000006.damaged"});
  CHECK(run.resume().step == 4);
}

TEST_CASE("two damaged ones are both skipped, and without a whole one nothing is changed") {
  SavedRun run;
  halve(run.snapshot(6) / "parameters.safetensors");
  Json state = read_json(run.snapshot(4) / "state.json");
  SECTION("another one is whole") {
    state["pack"] = 1000;
    write_json(run.snapshot(4) / "state.json", state);
    CHECK(run.resume().step == 2);
    CHECK(run.folders() ==
          std::set<std::string>{"step-000002", "step-000004.damaged", "step-000006.damaged"});
  }
  SECTION("none is") {
    halve(run.snapshot(4) / "optimizer.safetensors");
    fs::remove(run.snapshot(2) / "state.json");
    const Error error = error_of([&] { run.resume(); });
    CHECK(error.code() == ExitCode::kBadInput);
    for (const char* text :
         {"no snapshot of the run is whole", "step-000006", "parameters.safetensors", "step-000004",
          "optimizer.safetensors", "step-000002", "state.json"}) {
      CHECK_THAT(error.message(), has_text(text));
    }
    CHECK_THAT(error.hint(), has_text("--restart"));
    CHECK(run.folders() == std::set<std::string>{"step-000002", "step-000004", "step-000006"});
  }
}

TEST_CASE("another config is not damage") {
  SavedRun run;
  Json now = kIdentity;
  now["training"]["learning_rate"] = 0.0001;
  halve(run.snapshot(6) / "parameters.safetensors");
  const Error error = error_of([&] { run.resume(now); });
  CHECK_THAT(error.message(),
             has_text("training.learning_rate: 0.001 in the snapshot, 0.0001 now"));
  CHECK(run.folders().contains("step-000006"));  // nothing was changed
  SECTION("once the run has diverged the learning rate may change") {
    write_json(diverged_file(run.path()), {{"step", 7}});
    CHECK(run.resume(now).step == 4);
    now["training"]["seed"] = 8;
    CHECK_THAT(error_of([&] { run.resume(now); }).message(), has_text("training.seed"));
  }
}

TEST_CASE("a run can be resumed with more steps, or with fewer, but not with fewer than are done") {
  SavedRun run;
  const auto refused = [&](const std::string& asked) {
    const Error error = error_of([&] { run.resume(); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK_THAT(error.message(), has_text("6 steps are done, and the config asks for " + asked));
  };
  SECTION("epochs") {
    run.training().epochs = 3;
    CHECK(run.resume().total_steps == 30);
    run.training().epochs = 1;
    CHECK(run.resume().total_steps == 10);
  }
  SECTION("steps") {
    run.training().epochs.reset();
    run.training().max_steps = 100;
    CHECK(run.resume().total_steps == 100);
    run.training().max_steps = 6;
    CHECK(run.resume().total_steps == 6);
    run.training().max_steps = 5;
    refused("5");
  }
}

TEST_CASE("after an epoch that ended in a smaller step the whole next one follows") {
  Dataset data;
  for (int i = 0; i < 10; ++i) data.examples.push_back({{1, 2, 3}, {1, 1, 1}});
  DataConfig config;
  config.packing = false;
  TrainingConfig training;
  training.epochs = 1;
  training.batch_size = 4;
  const TempDirectory folder;
  SmallRun run;
  BatchStream stream(data, config, training);
  for (int i = 0; i < 3; ++i) stream.next();  // 4, 4 and 2 sequences
  save_snapshot(folder.path(), {.step = 3, .position = stream.position(), .total_steps = 3},
                run.optimizer, kIdentity, 1);
  training.epochs = 2;
  BatchStream longer(data, config, training);
  CHECK(longer.total_steps() == 5);
  const TrainingState resumed = resume_run(folder.path(), run.expansion.tensors(), run.optimizer,
                                           longer, training, kIdentity);
  CHECK(resumed.total_steps == 6);
}

}  // namespace
}  // namespace expandft
