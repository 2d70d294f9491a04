#include "run/dry_run.h"

#include "catch.h"
#include "run/small_config.h"
#include "run/train_run.h"

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("a dry run measures two steps and writes nothing", "[run]") {
  const SmallConfig small;
  const ResolvedConfig config = small.load({"training.max_steps=40", "training.warmup=0.1"});
  const ProcessOptions options{.device = "cpu", .quiet = true};
  const PreparedRun run = prepare_run(config, options);
  const DryRun numbers = dry_run(run);

  CHECK(numbers.total_steps == 40);
  CHECK(numbers.warmup_steps == 4);
  CHECK(numbers.step_tokens > 0);
  CHECK(numbers.step_tokens <= 2 * 32);
  CHECK(numbers.step_seconds > 0);
  CHECK(numbers.cached_state_bytes == 0);  // training.cache_prefix is none
  CHECK(numbers.peak_memory_bytes > 0);

  // Two layers get a second MLP: gate, up and down of 64 x 172 each; in fp32.
  const double trained = 2 * 3 * 64 * 172;
  REQUIRE(numbers.memory.size() == 4);
  CHECK(numbers.memory[1].bytes == 4 * trained);
  CHECK(numbers.memory[2].bytes == 4 * trained);
  CHECK(numbers.memory[3].bytes == 8 * trained);

  const MemoryPlan planned = plan_memory(small.load({"training.precision=float32"}).run, 1);
  REQUIRE(planned.state.size() == numbers.memory.size());
  for (std::size_t i = 0; i < numbers.memory.size(); ++i) {
    CHECK(planned.state[i].bytes == numbers.memory[i].bytes);
  }
  CHECK(planned.micro_batch_tokens == 2 * 32);

  CHECK(has(dry_run_report(config, options), "nothing: this was a dry run"));
  CHECK_FALSE(fs::exists(small.output()));
}
