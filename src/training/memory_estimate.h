#pragma once

#include "families/decoder_spec.h"
#include "growth/plan.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace expandft {

/// How a training run lies over its ranks.
struct MemoryLayout {
  int ranks = 1;
  bool shard_base = false;         // training.shard_base
  std::int64_t element_bytes = 4;  // of what is computed in
  bool checkpointing = false;      // training.gradient_checkpointing
  std::int64_t tokens = 0;         // of a micro-batch
};

/// Something that a rank holds in memory.
struct MemoryItem {
  std::string_view what;
  double bytes = 0;
};

/// Weights, gradients and optimizer state of a rank that trains so many parameters besides a frozen
/// base. Each item is there from the first step to the last.
std::vector<MemoryItem> state_memory(const DecoderSpec& spec, std::int64_t trained_parameters,
                                     const MemoryLayout& layout);

/// What is kept for the backward pass of a micro-batch through expanded layers, and the largest
/// that lies on top of it for a while. An upper estimate: what is computed on a device besides has
/// its allocator's and its kernels' overhead.
double activation_bytes(const DecoderSpec& spec, const ExpansionPlan& plan,
                        const MemoryLayout& layout);

}  // namespace expandft
