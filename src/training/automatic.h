#pragma once

#include "config/run_config.h"
#include "data/packing.h"
#include "methods/method.h"
#include "model/decoder.h"
#include "runtime/rank_group.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

// What "auto" stands for in a run's training settings. It is settled before the first step and
// written into the resolved config, from where a resumed run takes it: its weights depend on it.

/// A setting that the program chose, in words: "precision", "float32 (the processor has …)".
struct AutomaticChoice {
  std::string name, text;
};

/// The object "training" of the config that the run in this directory resolved before, read by rank
/// 0. Null when there is none.
Json kept_training(const fs::path& run, const RankGroup& group);

/// The precision for "auto" on this device: bfloat16 on a GPU, cpu_precision's on a CPU, where a
/// probe of products is timed once per process. Logs it.
Precision automatic_precision(at::Device device, const DecoderSpec& spec);

/// Replaces training.precision "auto", in the config and in what it resolved to, by `kept`'s, or
/// else by what rank 0 finds. A run of an earlier version kept "auto"; it stays what that meant
/// (compute_dtype). Does nothing for another value.
void settle_precision(ResolvedConfig& config, const Json& kept, at::Device device,
                      const DecoderSpec& spec, const RankGroup& group,
                      std::vector<AutomaticChoice>& choices);

/// What training.micro_batch_size "auto" depends on.
struct MicroBatchSources {
  const Decoder& decoder;
  const AppliedMethod& method;
  const PackedEpochs& epochs;     // of the training data
  std::int64_t weight_bytes = 0;  // of the base's files
};

/// Replaces training.micro_batch_size "auto" likewise, by as many sequences as fit in what memory
/// the rank with the least has left (choose_micro_batch). Call it with the model in memory and
/// before the optimizer is made. Warns when not even one may fit.
void settle_micro_batch(ResolvedConfig& config, const Json& kept, const MicroBatchSources& sources,
                        const RankGroup& group, std::vector<AutomaticChoice>& choices);

}  // namespace expandft
