#include "base/error.h"
#include "training/trainer.h"

#include <cmath>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

void require_finite(double value, const char* what, std::int64_t step) {
  if (std::isfinite(value)) return;
  throw Error(ExitCode::kDiverged, fmt::format("training diverged: the {} is {}", what, value),
              fmt::format("step {}", step + 1),
              "lower training.learning_rate or lengthen training.warmup and begin again with "
              "--restart, or look at the data of this step");
}

}  // namespace

StepResult train_step(const Decoder& decoder, AdamW& optimizer, const StepBatch& batch,
                      double learning_rate, double clip_norm,
                      const std::function<double()>& add_gradients, PrefixCache* prefix) {
  optimizer.zero_grad();
  StepResult result{.tokens = batch.tokens, .targets = batch.targets};
  const auto targets = static_cast<double>(batch.targets);
  for (std::size_t i = 0; i < batch.micro_batches.size(); ++i) {
    const TokenTensors tokens = to_device(batch.micro_batches[i], decoder.device());
    const at::Tensor sum = prefix != nullptr ? decoder.loss(tokens, prefix->layers(),
                                                            prefix->states(batch.examples[i]))
                                             : decoder.loss(tokens);
    const at::Tensor loss = sum / targets;
    loss.backward();
    result.loss += loss.item<double>();
  }
  require_finite(result.loss, "loss", optimizer.steps());
  if (add_gradients) {
    result.retention = add_gradients();
    require_finite(*result.retention, "retention loss", optimizer.steps());
  }
  result.gradient_norm = optimizer.gradient_norm();
  require_finite(result.gradient_norm, "gradient norm", optimizer.steps());
  optimizer.clip_gradients(result.gradient_norm, clip_norm);
  optimizer.step(learning_rate);
  return result;
}

std::optional<double> mean_loss(const Decoder& decoder, const Dataset& dataset,
                                std::int64_t tokens_at_once, const std::function<bool()>& stop) {
  const c10::NoGradGuard no_grad;
  double sum = 0;
  std::int64_t targets = 0;
  TokenBatch batch;
  const auto flush = [&] {
    if (batch.target_count() > 0) {
      sum += decoder.loss(to_device(batch, decoder.device())).item<double>();
      targets += batch.target_count();
    }
    batch = {};
  };
  for (const Example example : dataset.examples) {
    if (batch.tokens() > 0 &&
        batch.tokens() + static_cast<std::int64_t>(example.tokens.size()) > tokens_at_once) {
      if (stop && stop()) return {};
      flush();
    }
    batch.append(example);
  }
  if (stop && stop()) return {};
  flush();
  return targets > 0 ? sum / static_cast<double>(targets) : 0.0;
}

}  // namespace expandft
