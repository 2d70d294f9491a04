#pragma once

#include "config/run_config.h"
#include "families/decoder_spec.h"
#include "growth/plan.h"
#include "methods/method.h"
#include "model/decoder.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace expandft {

/// What the memory of one rank of a training run depends on, besides the model.
struct MemoryLayout {
  int ranks = 1;
  bool shard_base = false;         // training.shard_base
  std::int64_t element_bytes = 4;  // of the dtype that the run computes in
  bool checkpointing = false;      // training.gradient_checkpointing
  std::int64_t tokens = 0;         // of a micro-batch
  bool has_average = false;        // training.ema
};

/// One item that a rank holds in memory.
struct MemoryItem {
  std::string_view what;
  double bytes = 0;
};

/// Weights, gradients and optimizer state of a rank that trains `trained_parameters` parameters of
/// a model whose base is frozen. All of them are in memory from the first step to the last.
std::vector<MemoryItem> state_memory(const DecoderSpec& spec, std::int64_t trained_parameters,
                                     const MemoryLayout& layout);

/// The activations that the backward pass of a micro-batch through the layers from the first
/// expanded one on needs, and the largest temporary addition to them. An upper estimate without the
/// overhead of the device's allocator and kernels.
double activation_bytes(const DecoderSpec& spec, const ExpansionPlan& plan,
                        const MemoryLayout& layout);

/// What training adds to the memory of a rank that holds a model and what its method trains, in
/// bytes, at most.
struct StepMemory {
  double state = 0;  // gradients, moments, weights cast to compute with
  double head = 0;   // a chunk of logits (head_chunk_rows) and, where the head trains, its gradient
  double token = 0;  // activations for each token of a micro-batch
};
StepMemory step_memory(const Decoder& decoder, const AppliedMethod& method,
                       const TrainingConfig& training, int ranks);

}  // namespace expandft
