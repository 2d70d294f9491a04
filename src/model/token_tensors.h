#pragma once

#include "data/batch.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A TokenBatch on the device. Sequences lie end to end; offsets stay on the host.
struct TokenTensors {
  at::Tensor ids;        // (N), int64
  at::Tensor positions;  // (N), int64
  std::vector<std::int64_t> offsets;
  at::Tensor target_rows;  // (M), int64: the rows that have a target
  at::Tensor targets;      // (M), int64: their targets
};

TokenTensors to_device(const TokenBatch& batch, at::Device device);

/// Two tokens with one target: what a rank computes that has nothing to compute while others do,
/// where the weights are gathered from all (Decoder::is_sharded).
TokenTensors idle_tokens(at::Device device);

}  // namespace expandft
