#include "training/train_step.h"

#include <cmath>

namespace expandft {
namespace {

StepTerms terms_of(const StepOptions& options) {
  return {.weighted_loss = options.loss.token_weights != TokenWeights::kNone,
          .data_retention = options.loss.data_retention > 0,
          .retention = options.further && options.further->has_divergence,
          .retention_loss = options.further && options.further->has_loss};
}

}  // namespace

QueuedStep queue_step(const Decoder& decoder, AdamW& optimizer, const StepBatch& batch,
                      const StepOptions& options) {
  optimizer.zero_grad();
  const std::optional<FurtherTerm>& further = options.further;
  const std::optional<double> scale = options.loss_scale;
  const auto targets = static_cast<double>(batch.targets);
  double factor = scale ? *scale * targets : 1;  // accumulated gradients over the loss's gradients
  const auto number = at::TensorOptions().dtype(at::kDouble).device(decoder.device());
  at::Tensor loss = at::zeros({}, number), sums = at::zeros({3}, number);
  const std::int64_t count = std::ssize(batch.micro_batches);
  // With a sharded base every rank must run as many passes as the busiest one. The idle passes come
  // first: in the last one all ranks send their gradients, which they must do in the same order.
  const std::int64_t idle = decoder.is_sharded() ? batch.most_micro_batches - count : 0;
  StepLoss losses(decoder, batch, options.loss, options.prefix, idle, optimizer.group());
  for (std::int64_t i = -idle; i < count; ++i) {
    const MicroBatchLoss part = losses.of(i);
    const at::Tensor& sum = part.total;
    const at::Tensor mean = sum / targets;
    if (i + 1 == count && !further) optimizer.begin_reduction();
    (scale ? sum * *scale : mean).backward();
    if (part.sums.defined()) {
      sums += part.sums;
    } else {
      loss += mean.detach();
    }
  }
  if (!options.loss.is_plain()) loss = sums[0] / targets;
  at::Tensor retention = at::zeros({2}, number);
  if (further) {
    if (scale) {
      // So that the further term's sum is multiplied by just the scale too.
      optimizer.scale_gradients(further->divisor / targets);
      factor = *scale * further->divisor;
    }
    optimizer.begin_reduction();
    retention = further->backward(factor).to(at::kDouble);
  }
  optimizer.finish_reduction();
  std::vector<at::Tensor> numbers = {loss, optimizer.squared_norm()};
  for (const double note : {options.notes.signals, options.notes.seconds}) {
    numbers.push_back(at::full({}, note, loss.options()));
  }
  QueuedStep step{at::cat({at::stack(numbers), sums.narrow(0, 1, 2) / targets, retention}),
                  terms_of(options), batch.tokens, batch.targets};
  optimizer.group().sum(step.numbers);
  const at::Tensor norm = step.numbers[1].sqrt_().div_(factor);
  optimizer.stop_unless(step.numbers.isfinite().all());
  optimizer.clip_gradients(norm, options.max_grad_norm, factor);
  optimizer.step(options.learning_rate);
  return step;
}

std::optional<LossScale> loss_scale_for(at::ScalarType compute_dtype) {
  return compute_dtype == at::kHalf ? std::optional(LossScale()) : std::nullopt;
}

std::vector<StepResult> results_of(std::span<const QueuedStep> steps) {
  std::vector<at::Tensor> numbers;
  for (const QueuedStep& step : steps) numbers.push_back(step.numbers);
  if (numbers.empty()) return {};
  const at::Tensor all = at::stack(numbers).cpu();
  std::vector<StepResult> out;
  for (const QueuedStep& step : steps) {
    const double* const found = all[std::ssize(out)].const_data_ptr<double>();
    StepResult& result = out.emplace_back();
    result.loss = found[0];
    result.gradient_norm = found[1];
    result.notes = {.signals = found[2], .seconds = found[3]};
    if (step.terms.weighted_loss) result.weighted_loss = found[4];
    if (step.terms.data_retention) result.data_retention = found[5];
    if (step.terms.retention) result.retention = found[6];
    if (step.terms.retention_loss) result.retention_loss = found[7];
    result.tokens = step.tokens;
    result.targets = step.targets;
  }
  return out;
}

std::optional<double> mean_loss(const Decoder& decoder, const Dataset& dataset,
                                std::int64_t tokens_at_once, const std::function<bool()>& stop,
                                const RankGroup& group) {
  const c10::NoGradGuard no_grad;
  double sum = 0;
  std::int64_t targets = 0, passes = 0;
  TokenBatch batch;
  const auto flush = [&] {
    const bool is_ours = passes++ % group.count() == group.rank();
    if (is_ours && batch.target_count() > 0) {
      sum += decoder.loss(to_device(batch, decoder.device())).item<double>();
      targets += batch.target_count();
    } else if (is_ours && decoder.is_sharded()) {
      decoder.loss(idle_tokens(decoder.device()));
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
  // With a sharded base all ranks must compute together, also those without a pass in the last,
  // incomplete round.
  const std::int64_t in_round = passes % group.count();
  if (decoder.is_sharded() && in_round > 0 && group.rank() >= in_round) {
    decoder.loss(idle_tokens(decoder.device()));
  }
  if (!group.is_alone()) {
    at::Tensor sums =
        at::tensor({sum, static_cast<double>(targets)}, at::kDouble).to(decoder.device());
    group.sum(sums);
    sums = sums.cpu();
    sum = sums[0].item<double>();
    targets = std::llround(sums[1].item<double>());
  }
  return targets > 0 ? sum / static_cast<double>(targets) : 0.0;
}

}  // namespace expandft
