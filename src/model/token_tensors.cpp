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
    const at::Tensor host = at::tensor(numbers, at::kLong);
    // Pinned memory makes the copy asynchronous; the allocator keeps it until the copy is done.
    return device.is_cuda() ? host.pin_memory().to(device, /*non_blocking=*/true) : host.to(device);
  };
  return {.ids = tensor({batch.ids.begin(), batch.ids.end()}),
          .positions = tensor(batch.positions),
          .offsets = batch.offsets,
          .target_rows = tensor(rows),
          .targets = tensor(targets)};
}

TokenTensors idle_tokens(at::Device device) {
  TokenBatch batch;
  const std::vector<TokenId> tokens = {0, 0};
  const std::vector<std::uint8_t> is_target = {1, 1};
  batch.append({tokens, is_target});
  return to_device(batch, device);
}

}  // namespace expandft
