#include "base/temp_directory.h"
#include "catch.h"
#include "report/json_values.h"
#include "training/resume.h"
#include "training/small_run.h"

#include <set>

namespace expandft {
namespace {

using testing::error_of;
using testing::TempDirectory;

const Json kSavedIdentity = {{"base_fingerprint", "00ff"},
                             {"data_fingerprint", "12ab"},
                             {"training", {{"seed", 7}, {"learning_rate", 0.001}}}};

TrainingState state_at(std::int64_t step) {
  return {.step = step,
          .position = {2, 5},
          .tokens = 1000,
          .targets = 900,
          .first_loss = 3.25,
          .last_loss = 1.0 / 3,
          .validation_before = 2.0 / 3,
          .total_steps = 20,
          .validations = {.data = "56ef",
                          .last = Validation{step, 1.5},
                          .best = Validation{1, 0.1 + 0.2},
                          .since_best = 3},
          .gradient_norms = {0.1, 1.0 / 3, 2}};
}

fs::path save(const fs::path& run, const SmallRun& from, std::int64_t step, std::int64_t keep = 2) {
  save_snapshot(run, state_at(step), from.optimizer, kSavedIdentity, keep);
  return snapshot_path(run, step);
}

/// Loads a snapshot after the checks of a resumed run.
TrainingState load_snapshot(const fs::path& snapshot, SmallRun& run,
                            const Json& identity = kSavedIdentity) {
  SavedState saved = read_state(snapshot);
  check_identity(saved.identity, identity, snapshot);
  check_weights(snapshot, run.expansion.tensors());
  check_moments(snapshot, run.expansion.tensors());
  load_tensors(snapshot, saved.state.step, run.optimizer);
  return std::move(saved.state);
}

Error load_error(const fs::path& snapshot, const Json& identity = kSavedIdentity) {
  SmallRun run;
  const Error error = error_of([&] { load_snapshot(snapshot, run, identity); });
  CHECK(error.code() == ExitCode::kBadInput);
  return error;
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

TEST_CASE("a snapshot restores weights, moments and state, and training continues the same") {
  const TempDirectory folder;
  SmallRun saved, loaded;
  for (int i = 0; i < 3; ++i) saved.random_step();
  const fs::path snapshot = save(folder.path(), saved, 3);
  CHECK(snapshot.filename() == "step-000003");
  const TrainingState state = load_snapshot(snapshot, loaded);
  const TrainingState expected = state_at(3);
  CHECK(state.step == 3);
  CHECK(state.position == expected.position);
  CHECK(state.tokens == 1000);
  CHECK(state.targets == 900);
  CHECK(state.first_loss == expected.first_loss);
  CHECK(state.last_loss == expected.last_loss);
  CHECK(state.validation_before == expected.validation_before);
  CHECK(state.total_steps == 20);
  CHECK(state.validations.data == "56ef");
  REQUIRE(state.validations.best);
  CHECK(state.validations.best->step == 1);
  CHECK(state.validations.best->loss == 0.1 + 0.2);
  CHECK(state.validations.last->step == 3);
  CHECK(state.validations.since_best == 3);
  CHECK(state.gradient_norms == expected.gradient_norms);
  CHECK(loaded.optimizer.steps() == 3);
  for (SmallRun* run : {&saved, &loaded}) {
    run->optimizer.zero_grad();
    for (const auto& [name, tensor] : run->expansion.tensors()) tensor.grad().fill_(0.5);
    run->optimizer.step(1e-3);
  }
  const auto a = saved.expansion.tensors(), b = loaded.expansion.tensors();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].second.equal(b[i].second));
}

TEST_CASE("a state without validation has none") {
  const TempDirectory folder;
  SmallRun run;
  TrainingState state = state_at(1);
  state.validation_before.reset();
  save_snapshot(folder.path(), state, run.optimizer, kSavedIdentity, 1);
  const fs::path snapshot = newest_snapshot(folder.path()).value();
  CHECK_FALSE(load_snapshot(snapshot, run).validation_before.has_value());
}

TEST_CASE("the newest snapshots are kept") {
  const TempDirectory folder;
  SmallRun run;
  for (const std::int64_t step : {5, 10, 15}) save(folder.path(), run, step);
  const fs::path checkpoints = folder / "checkpoints";
  CHECK(names_in(checkpoints) == std::set<std::string>{"step-000010", "step-000015"});
  CHECK(save(folder.path(), run, 1000000, 1).filename() == "step-1000000");
  CHECK(names_in(checkpoints) == std::set<std::string>{"step-1000000"});
}

TEST_CASE("the snapshot of the lowest validation loss is kept besides the newest ones") {
  const TempDirectory folder;
  SmallRun run;
  TrainingState state = state_at(0);
  for (const std::int64_t step : {5, 10, 15, 20}) {
    state.step = step;
    state.validations.best = Validation{step <= 15 ? 5 : 20, 1.0};
    save_snapshot(folder.path(), state, run.optimizer, kSavedIdentity, 1);
    const std::set<std::string> expected =
        step == 5 || step == 20
            ? std::set<std::string>{snapshot_path("", step).filename()}
            : std::set<std::string>{"step-000005", snapshot_path("", step).filename()};
    CHECK(names_in(folder / "checkpoints") == expected);
  }
}

TEST_CASE("keys that are free may differ, and are returned") {
  Json now = kSavedIdentity;
  now["training"]["learning_rate"] = 0.0001;
  const std::vector<std::string> changes =
      check_identity(kSavedIdentity, now, "x", {"training.learning_rate"});
  REQUIRE(changes.size() == 1);
  CHECK(changes[0] == "training.learning_rate: 0.001 in the snapshot, 0.0001 now");
  now["training"]["seed"] = 8;
  const Error error =
      error_of([&] { check_identity(kSavedIdentity, now, "x", {"training.learning_rate"}); });
  CHECK_THAT(error.message(), has_text("training.seed") && !has_text("learning_rate"));
}

TEST_CASE(
    "leftovers of an ended process are removed, and other folders are not taken for snapshots") {
  const TempDirectory folder;
  SmallRun run;
  CHECK_FALSE(newest_snapshot(folder.path()));
  save(folder.path(), run, 5);
  const fs::path checkpoints = folder / "checkpoints";
  // With its lock, which no process holds.
  fs::create_directory(checkpoints / ".step-000002.partial-1-1");
  write_file_atomically(checkpoints / ".step-000002.partial-1-1.lock", "");
  fs::create_directory(checkpoints / "step-000009");  // no marker
  fs::copy(checkpoints / "step-000005", checkpoints / "step-000011");
  fs::remove(checkpoints / "step-000011" / "state.json");
  fs::create_directory(checkpoints / "step-x");
  CHECK(newest_snapshot(folder.path())->filename() == "step-000005");
  save(folder.path(), run, 6, 1);
  CHECK(names_in(checkpoints) ==
        std::set<std::string>{"step-000006", "step-000009", "step-000011", "step-x"});
}

TEST_CASE("a snapshot that is set aside is no longer used, and its step can be saved again") {
  const TempDirectory folder;
  SmallRun run;
  save(folder.path(), run, 5);
  save(folder.path(), run, 6);
  for (int i = 0; i < 2; ++i) {
    set_aside_snapshot(folder.path(), 6, "damaged");
    CHECK(newest_snapshot(folder.path())->filename() == "step-000005");
    CHECK(names_in(folder / "checkpoints") ==
          std::set<std::string>{"step-000005", "step-000006.damaged"});
    save(folder.path(), run, 6);
  }
  set_aside_snapshot(folder.path(), 7, "damaged");
  CHECK(names_in(folder / "checkpoints") ==
        std::set<std::string>{"step-000005", "step-000006", "step-000006.damaged"});
}

TEST_CASE("another config is refused with a list of the differences") {
  const TempDirectory folder;
  SmallRun run;
  const fs::path snapshot = save(folder.path(), run, 5);
  Json now = kSavedIdentity;
  now["training"]["seed"] = 8;
  now["data_fingerprint"] = "34cd";
  const Error error = load_error(snapshot, now);
  CHECK_THAT(error.message(), has_text("training.seed: 7 in the snapshot, 8 now") &&
                                  has_text("data_fingerprint: \"12ab\" in the snapshot") &&
                                  !has_text("learning_rate"));
  CHECK_THAT(error.hint(), has_text("--restart"));
}

TEST_CASE("an identity under the names that keys had at first is read under today's") {
  const TempDirectory folder;
  SmallRun run;
  const fs::path snapshot = save(folder.path(), run, 5), file = snapshot / "state.json";
  Json state = read_json(file);
  state["identity"] = {{"train", "new"}, {"training", {{"clip_norm", 0.5}, {"seed", 7}}}};
  write_json(file, state);
  const Json identity = read_state(snapshot).identity;
  CHECK(check_identity(
            identity, {{"method", "new"}, {"training", {{"max_grad_norm", 0.5}, {"seed", 7}}}}, "x")
            .empty());
  CHECK_FALSE(identity.contains("train"));
}

TEST_CASE("a damaged snapshot is refused, and the error names the file") {
  const TempDirectory folder;
  SmallRun run;
  const fs::path snapshot = save(folder.path(), run, 5), file = snapshot / "state.json";
  const Json good = read_json(file);
  SECTION("counts") {
    const std::string key = GENERATE("step", "epoch", "pack", "tokens", "targets", "total_steps");
    const Json value = GENERATE(Json(-1), Json(1.5), Json("5"), Json());
    Json bad = good;
    bad[key] = value;
    write_json(file, bad);
    const Error error = load_error(snapshot);
    CHECK_THAT(error.message(), has_text("damaged snapshot") && has_text("\"" + key + "\""));
    CHECK(error.where() == file.string());
    CHECK(error.hint() == kDeleteSnapshot);
  }
  SECTION("missing keys") {
    const std::string key = GENERATE("format", "step", "pack", "last_loss", "validation_before",
                                     "validations", "gradient_norms", "identity");
    Json bad = good;
    bad.erase(key);
    write_json(file, bad);
    CHECK_THAT(load_error(snapshot).message(), has_text("damaged snapshot") && has_text(key));
  }
  SECTION("validations") {
    const std::string key = GENERATE("data", "last", "best", "since_best");
    Json bad = good;
    bad["validations"][key] = -1;
    write_json(file, bad);
    CHECK_THAT(load_error(snapshot).message(), has_text("damaged snapshot"));
  }
  SECTION("another snapshot's state") {
    Json bad = good;
    bad["step"] = 6;
    write_json(file, bad);
    CHECK_THAT(load_error(snapshot).message(), has_text("\"step\" is 6"));
  }
  SECTION("another format") {
    Json bad = good;
    bad["format_version"] = 99;
    write_json(file, bad);
    CHECK_THAT(load_error(snapshot).message(), has_text("format"));
  }
  SECTION("a truncated file") {
    const std::string name = GENERATE("parameters.safetensors", "optimizer.safetensors");
    fs::resize_file(snapshot / name, fs::file_size(snapshot / name) / 2);
    CHECK_THAT(load_error(snapshot).where(), has_text(name));
  }
  SECTION("a flipped bit") {
    const std::string name = GENERATE("parameters.safetensors", "optimizer.safetensors");
    std::string bytes = read_file(snapshot / name);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file_atomically(snapshot / name, bytes);
    const Error error = load_error(snapshot);
    CHECK_THAT(error.message(), has_text("not those that were written"));
    CHECK(error.where() == (snapshot / name).string());
  }
  SECTION("missing checksums") {
    Json bad = good;
    bad["checksums"] = GENERATE(Json(), Json(3), Json::object());
    write_json(file, bad);
    CHECK_THAT(load_error(snapshot).message(), has_text("not those that were written"));
  }
  SECTION("tensors of another model") {
    fs::copy_file(snapshot / "parameters.safetensors", snapshot / "optimizer.safetensors",
                  fs::copy_options::overwrite_existing);
    const Error error = load_error(snapshot);
    CHECK_THAT(error.message(), has_text(".exp_avg"));
    CHECK(error.hint() == kDeleteSnapshot);
  }
}

TEST_CASE("the identity holds what the weights depend on, and no paths") {
  const Json resolved = {
      {"expansion", {{"copies", 2}}},
      {"method", "new"},
      {"lora", {{"rank", 16}}},
      {"strength", 0.5},
      {"retention", {{"weight", 1.0}, {"text", "/a/text.txt"}}},
      {"data", {{"train", "/a/train.txt"}, {"validation", nullptr}, {"max_length", 64}}},
      {"training",
       {{"seed", 7},
        {"checkpoint_every", 5},
        {"keep_checkpoints", 2},
        {"output_checkpoint", "best"},
        {"validate_every", 0},
        {"early_stopping_patience", 3},
        {"epochs", nullptr},
        {"max_steps", 100},
        {"log_every", 1}}}};
  CHECK(snapshot_identity(resolved, "b", "d", "r") == Json{{"base_fingerprint", "b"},
                                                           {"data_fingerprint", "d"},
                                                           {"retention_fingerprint", "r"},
                                                           {"method", "new"},
                                                           {"expansion", {{"copies", 2}}},
                                                           {"lora", {{"rank", 16}}},
                                                           {"data", {{"max_length", 64}}},
                                                           {"training", {{"seed", 7}}},
                                                           {"retention", {{"weight", 1.0}}}});
  Json at_once = resolved, accumulated = resolved;
  at_once["training"].update({{"batch_size", 12}, {"micro_batch_size", 4}});
  accumulated["training"].update(
      {{"batch_size", 12}, {"micro_batch_size", nullptr}, {"gradient_accumulation_steps", 3}});
  CHECK(snapshot_identity(accumulated, "b", "d", "r") == snapshot_identity(at_once, "b", "d", "r"));
  Json mixed = resolved;
  mixed["data"]["train"] = Json::parse(
      R"([{"path": "/a", "weight": 0.5, "template": null}, {"path": "/b", "weight": 1.0}])");
  CHECK(snapshot_identity(mixed, "b", "d", "r")["data"]["train"] ==
        Json::parse(R"([{"weight": 0.5, "template": null}, {"weight": 1.0}])"));
}

}  // namespace
}  // namespace expandft
