#pragma once

#include "data/batch.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A TokenBatch on the device: sequences packed end to end. Offsets stay on the host; ids do
/// as well, because asking the device for them would wait for it.
struct TokenTensors {
  at::Tensor ids;        // (N), int64
  at::Tensor host_ids;   // the same, on the host
  at::Tensor positions;  // (N), int64
  std::vector<std::int64_t> offsets;
  at::Tensor target_rows;  // (M), int64: the rows with a target
  at::Tensor targets;      // (M), int64: their targets
};

/// A copy of a host's tensor on the device, queued there: pinned memory lets the host go on, and
/// the allocator keeps it until the copy is done.
at::Tensor queued_copy(const at::Tensor& host, at::Device device);

TokenTensors to_device(const TokenBatch& batch, at::Device device);

/// Two tokens with one target. With sharded weights (Decoder::is_sharded) all ranks must run the
/// same passes, so a rank without a batch of its own computes these.
TokenTensors idle_tokens(at::Device device);

}  // namespace expandft
