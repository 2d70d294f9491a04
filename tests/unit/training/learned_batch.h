#pragma once

#include "golden.h"

namespace expandft {

/// A golden's sequences with a loss on every token.
inline TokenTensors learned_batch(const Golden& golden) {
  TokenBatch batch = golden.batch();
  for (std::size_t s = 0; s + 1 < batch.offsets.size(); ++s) {
    for (auto t = batch.offsets[s]; t + 1 < batch.offsets[s + 1]; ++t) {
      batch.targets[static_cast<std::size_t>(t)] = batch.ids[static_cast<std::size_t>(t) + 1];
    }
  }
  return to_device(batch, at::kCPU);
}

}  // namespace expandft
