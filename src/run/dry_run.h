#pragma once

#include "base/notice.h"
#include "config/run_config.h"
#include "growth/plan.h"
#include "run/prepared_run.h"
#include "training/memory_estimate.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// What a run will do and take, from two real steps. Nothing is written.
struct DryRun {
  std::string plan, merged_size;  // in words
  std::int64_t total_steps = 0, warmup_steps = 0;
  std::int64_t step_tokens = 0;          // of the last step measured
  double step_seconds = 0;               // likewise
  std::vector<MemoryItem> memory;        // weights, gradients, optimizer state
  std::uint64_t cached_state_bytes = 0;  // of the frozen layers' hidden states, in an epoch
  std::uint64_t peak_memory_bytes = 0;   // after the two steps
};
/// Trains the model in memory for two steps. Retention that the base writes must be there.
DryRun dry_run(const PreparedRun& run, const RankGroup& group = RankGroup::alone());

/// The resolved config with origins, the data, memory by part, notices, and the numbers above.
std::string dry_run_text(const PreparedRun& run, const DryRun& numbers);

/// What each rank of a run would hold in memory, from the config and the base's config.json alone.
struct MemoryPlan {
  ExpansionPlan expansion;
  DecoderSpec spec;
  at::ScalarType dtype = at::kFloat;  // computed in
  std::int64_t micro_batch_tokens = 0;
  std::vector<MemoryItem> state;  // there from the first step to the last
  double activations = 0;         // bytes, at most
  Notices notices = {};           // of config.json
};
/// On GPUs, unless training.precision says otherwise. Input error for a method or layers whose
/// memory is only known after loading.
MemoryPlan plan_memory(RunConfig run, int ranks);

}  // namespace expandft
