#include "model/token_tensors.h"

namespace expandft {

TokenTensors to_device(const TokenBatch& batch, at::Device device) {
  std::vector<std::int64_t> rows, targets;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (batch.targets[i] == kNoTarget) continue;
    rows.push_back(static_cast<std::int64_t>(i));
    targets.push_back(batch.targets[i]);
  }
  const auto tensor = [&](const std::vector<std::int64_t>& numbers) {
    return at::tensor(numbers, at::kLong).to(device);
  };
  return {.ids = tensor({batch.ids.begin(), batch.ids.end()}),
          .positions = tensor(batch.positions),
          .offsets = batch.offsets,
          .target_rows = tensor(rows),
          .targets = tensor(targets)};
}

}  // namespace expandft
