#include "training/automatic.h"

#include "catch.h"
#include "report/json_values.h"
#include "run/prepared_run.h"
#include "run/small_config.h"
#include "training/memory_estimate.h"

namespace expandft {
namespace {

using testing::has;
using testing::SmallConfig;

struct Settled {
  Precision precision;
  Json resolved;
  std::vector<AutomaticChoice> choices;
};

Settled settled(const std::vector<std::string>& overrides, const Json& kept, at::Device device) {
  ResolvedConfig config = SmallConfig().load(overrides);
  Settled out;
  settle_precision(config, kept, device, DecoderSpec(), RankGroup::alone(), out.choices);
  out.precision = config.run.training.precision;
  out.resolved = config.resolved["training"]["precision"];
  return out;
}

TEST_CASE("precision auto is settled in the config and in what it resolved to") {
  const Settled gpu = settled({}, {}, at::kCUDA);
  CHECK(gpu.precision == Precision::kBFloat16);
  CHECK(gpu.resolved == "bfloat16");
  REQUIRE(gpu.choices.size() == 1);
  CHECK(gpu.choices[0].name == "precision");
  CHECK(gpu.choices[0].text == "bfloat16 (on a GPU)");

  const Settled cpu = settled({}, {}, at::kCPU);  // a spec without sizes: too small for bfloat16
  CHECK(cpu.precision == Precision::kFloat32);
  CHECK(cpu.resolved == "float32");
}

TEST_CASE("a precision that is given is not touched") {
  const Settled given =
      settled({"training.precision=float16"}, {{"precision", "float32"}}, at::kCPU);
  CHECK(given.precision == Precision::kFloat16);
  CHECK(given.resolved == "float16");
  CHECK(given.choices.empty());
}

TEST_CASE("a resumed run keeps its precision, on another device too") {
  const Settled kept = settled({}, {{"precision", "bfloat16"}}, at::kCPU);
  CHECK(kept.precision == Precision::kBFloat16);
  CHECK(kept.resolved == "bfloat16");
  CHECK(kept.choices.at(0).text == "bfloat16 (as before)");
  // Earlier versions kept "auto" itself.
  const Settled old = settled({}, {{"precision", "auto"}}, at::kCPU);
  CHECK(old.precision == Precision::kAuto);
  CHECK(old.resolved == "auto");
  CHECK(old.choices.empty());
}

TEST_CASE("what a run kept is read from its resolved config") {
  const SmallConfig small;
  CHECK(kept_training(small.output(), RankGroup::alone()).is_null());
  fs::create_directory(small.output());
  write_json(small.output() / "config.resolved.json",
             {{"training", {{"precision", "bfloat16"}, {"micro_batch_size", 4}}}});
  CHECK(kept_training(small.output(), RankGroup::alone()) ==
        Json{{"precision", "bfloat16"}, {"micro_batch_size", 4}});
}

TEST_CASE("micro_batch_size auto is settled when a run is prepared") {
  const SmallConfig small;
  const ProcessOptions options{.device = "cpu", .quiet = true};
  const PreparedRun run =
      prepare_run(small.load({"training.micro_batch_size=auto", "training.batch_size=6"}), options);
  CHECK(run.config.run.training.micro_batch_size == 6);
  CHECK(run.config.resolved["training"]["micro_batch_size"] == 6);
  CHECK(has(describe_values(run.config), "(auto)"));
  REQUIRE(!run.choices.empty());
  CHECK(run.choices.back().name == "micro_batch_size");
  CHECK(has(run.choices.back().text, "6 ("));
  CHECK(has(run.choices.back().text, "a step has no more"));
}

TEST_CASE("a resumed run keeps its micro-batches") {
  const SmallConfig small;
  const ProcessOptions options{.device = "cpu", .quiet = true};
  const std::vector<std::string> automatic = {"training.micro_batch_size=auto",
                                              "training.batch_size=6"};
  fs::create_directory(small.output());
  const auto micro_batch = [&](const Json& kept, bool resume) {
    write_json(small.output() / "config.resolved.json", {{"training", kept}});
    return prepare_run(small.load(automatic), options, resume).config.run.training.micro_batch_size;
  };
  CHECK(micro_batch({{"micro_batch_size", 2}}, true) == 2);
  CHECK(micro_batch({{"micro_batch_size", 2}}, false) == 6);
  CHECK(micro_batch(
            {{"micro_batch_size", nullptr}, {"batch_size", 6}, {"gradient_accumulation_steps", 2}},
            true) == 3);
}

TEST_CASE("memory of a step grows with what trains, and less with checkpointing") {
  const SmallConfig small;
  const ProcessOptions options{.device = "cpu", .quiet = true};
  const auto memory = [&](const std::vector<std::string>& overrides, int ranks) {
    const PreparedRun run = prepare_run(small.load(overrides), options);
    return step_memory(run.model.decoder, run.model.method, run.config.run.training, ranks);
  };
  const double trained = 2 * 3 * 64 * 172;
  const StepMemory one = memory({"training.precision=float32"}, 1);
  CHECK(one.state == 12 * trained);
  CHECK(memory({"training.precision=float32"}, 2).state == 8 * trained);
  CHECK(memory({"training.precision=bfloat16"}, 1).state == 14 * trained);
  CHECK(one.head > 0);
  // Gate and up of base and copy in two layers, at least.
  CHECK(one.token > 4.0 * 2 * 4 * 172);
  CHECK(memory({"training.precision=float32", "expansion.copies=4"}, 1).token > one.token);
  CHECK(memory({"training.precision=float32", "expansion.layers=all"}, 1).token > one.token);
  CHECK(memory({"training.precision=float32", "training.gradient_checkpointing=true",
                "expansion.layers=all"},
               1)
            .token < memory({"training.precision=float32", "expansion.layers=all"}, 1).token);
  CHECK(memory({"training.precision=float32", "method=full"}, 1).head > one.head);
}

}  // namespace
}  // namespace expandft
