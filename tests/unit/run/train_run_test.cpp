#include "run/train_run.h"

#include "catch.h"
#include "checkpoint/model_info.h"
#include "growth/attach.h"
#include "inspect/inspect_run.h"
#include "model/decoder.h"
#include "report/metrics_log.h"
#include "run/small_config.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

RunOptions quiet_run(ExistingRun existing = ExistingRun::kRefuse) {
  return {.process = {.device = "cpu", .quiet = true}, .existing = existing};
}

}  // namespace

TEST_CASE("a run writes its directory without a command line", "[run]") {
  const SmallConfig small;
  const ResolvedConfig config = small.load();
  const RunResult result = train_run(config, quiet_run());

  CHECK(result.ending == RunEnding::kFinished);
  CHECK(result.outcome.state.step == 2);
  CHECK(result.outcome.validation_after.has_value());
  CHECK(result.written.has_adapter);
  CHECK(result.written.layout == Layout::kPadded);
  for (const char* const name : {"config.resolved.json", "metrics.jsonl", "report.html"}) {
    CHECK(fs::is_regular_file(small.output() / name));
  }
  CHECK_FALSE(fs::exists(small.output() / "checkpoints"));

  const Json summary = read_json(small.output() / "summary.json");
  CHECK(summary.at("steps") == 2);
  CHECK(summary.at("tokens") == result.outcome.state.tokens);
  CHECK(summary.at("evaluation") == Json::object());
  CHECK(summary.at("samples").size() == 3);

  const ModelDirectory base = ModelDirectory::open(config.run.model);
  CHECK(open_adapter(small.output() / "adapter", base).info().layers ==
        std::vector<std::int64_t>{3, 4});
  const MergedInfo merged = read_merged_info(small.output() / "merged");
  CHECK(merged.copies == 2);
  CHECK(merged.layout == Layout::kPadded);
  const ModelDirectory written = ModelDirectory::open(small.output() / "merged");
  CHECK(Decoder::load(written, at::kFloat, at::kCPU).spec().intermediate == 2 * 172);
}

TEST_CASE("a run is refused, resumed or replaced where there is one already", "[run]") {
  const SmallConfig small;
  train_run(small.load({"training.checkpoint_every=1"}), quiet_run());
  const auto again = [&](ExistingRun existing, const std::vector<std::string>& more = {}) {
    std::vector<std::string> overrides{"training.checkpoint_every=1"};
    overrides.insert(overrides.end(), more.begin(), more.end());
    return train_run(small.load(overrides), quiet_run(existing));
  };

  CHECK(has(error_of([&] { again(ExistingRun::kRefuse); }).message(), "a finished run"));
  CHECK(again(ExistingRun::kResume).ending == RunEnding::kWasFinished);
  const RunResult longer = again(ExistingRun::kResume, {"training.max_steps=3"});
  CHECK(longer.outcome.state.step == 3);
  CHECK(inspect_run(small.output()).at("state") == "finished");
  CHECK(again(ExistingRun::kReplace).outcome.state.step == 2);
}

TEST_CASE("a run directory says how far its run came", "[run]") {
  const SmallConfig small;
  const ResolvedConfig config = small.load();
  const auto state = [&] { return inspect_run(small.output()).at("state"); };
  create_run_directory(small.output(), config.resolved);
  CHECK(state() == "ended");
  {
    const auto lock = lock_run(small.output(), RankGroup::alone());
    CHECK(state() == "running");
  }
  write_file_atomically(small.output() / "metrics.jsonl",
                        "{\"event\": \"interrupted\", \"step\": 1}\n");
  CHECK(state() == "interrupted");
  CHECK(inspect_run(small.output()).at("continue") ==
        "expandft train --config " + (small.output() / "config.resolved.json").string() +
            " --resume");
  write_file_atomically(small.output() / "summary.json", "{}");
  CHECK(state() == "finished");
}

TEST_CASE("words of a resume command are quoted for a shell", "[run]") {
  CHECK(resume_command("run.json") == "expandft train --config run.json --resume");
  CHECK(resume_command("my run.json", {"data.train=it's"}) ==
        "expandft train --config 'my run.json' --set 'data.train=it'\\''s' --resume");
}
