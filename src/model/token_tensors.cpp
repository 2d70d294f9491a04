#include "model/token_tensors.h"

namespace expandft {

at::Tensor queued_copy(const at::Tensor& host, at::Device device) {
  return device.is_cuda() ? host.pin_memory().to(device, /*non_blocking=*/true) : host.to(device);
}

TokenTensors to_device(const TokenBatch& batch, at::Device device) {
  std::vector<std::int64_t> rows, targets;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (batch.targets[i] == kNoTarget) continue;
    rows.push_back(static_cast<std::int64_t>(i));
    targets.push_back(batch.targets[i]);
  }
  const auto tensor = [&](const std::vector<std::int64_t>& numbers) {
    return queued_copy(at::tensor(numbers, at::kLong), device);
  };
  const at::Tensor ids =
      at::tensor(std::vector<std::int64_t>(batch.ids.begin(), batch.ids.end()), at::kLong);
  return {.ids = queued_copy(ids, device),
          .host_ids = ids,
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
