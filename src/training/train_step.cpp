#include "training/train_step.h"

#include <cmath>
#include <utility>

namespace expandft {

std::optional<std::pair<const char*, double>> StepResult::not_finite() const {
  for (const auto& [what, value] : {std::pair("loss", loss),
                                    {"retention loss", retention.value_or(0)},
                                    {"gradient norm", gradient_norm}}) {
    if (!std::isfinite(value)) return std::pair(what, value);
  }
  return {};
}

bool StepResult::has_overflow() const {
  return std::isfinite(loss) && std::isfinite(retention.value_or(0)) &&
         !std::isfinite(gradient_norm);
}

std::optional<LossScale> loss_scale_for(at::ScalarType compute_dtype) {
  return compute_dtype == at::kHalf ? std::optional(LossScale()) : std::nullopt;
}

QueuedStep queue_step(const Decoder& decoder, AdamW& optimizer, const StepBatch& batch,
                      double learning_rate, double max_grad_norm,
                      const std::optional<FurtherTerm>& further, PrefixCache* prefix,
                      const RankNotes& notes, std::optional<double> loss_scale) {
  optimizer.zero_grad();
  const auto targets = static_cast<double>(batch.targets);
  // By which the gathered gradients are larger than the loss's.
  double factor = loss_scale ? *loss_scale * targets : 1;
  at::Tensor loss = at::zeros({}, at::TensorOptions().dtype(at::kDouble).device(decoder.device()));
  const std::int64_t pieces = std::ssize(batch.micro_batches);
  // Idle passes come first: in the last all ranks send gradients, and must do so in one order.
  const std::int64_t idle = decoder.is_sharded() ? batch.most_pieces - pieces : 0;
  for (std::int64_t i = -idle; i < pieces; ++i) {
    at::Tensor sum;
    if (i < 0) {
      sum = decoder.loss(idle_tokens(decoder.device())) * 0;
    } else {
      const auto piece = static_cast<std::size_t>(i);
      const TokenTensors tokens = to_device(batch.micro_batches[piece], decoder.device());
      sum = prefix != nullptr
                ? decoder.loss(tokens, prefix->layers(), prefix->states(batch.examples[piece]))
                : decoder.loss(tokens);
    }
    const at::Tensor mean = sum / targets;
    if (i + 1 == pieces && !further) optimizer.begin_reduction();
    (loss_scale ? sum * *loss_scale : mean).backward();
    loss += mean.detach();
  }
  at::Tensor retention;
  if (further) {
    if (loss_scale) {
      // The scale alone is to be what its sum is multiplied by, too.
      optimizer.scale_gradients(further->divisor / targets);
      factor = *loss_scale * further->divisor;
    }
    optimizer.begin_reduction();
    retention = further->backward(factor).to(at::kDouble);
  }
  optimizer.finish_reduction();
  std::vector<at::Tensor> numbers = {loss, optimizer.squared_norm()};
  for (const double note : {notes.signals, notes.seconds}) {
    numbers.push_back(at::full({}, note, loss.options()));
  }
  if (retention.defined()) numbers.push_back(retention);
  QueuedStep step{at::stack(numbers), batch.tokens, batch.targets};
  optimizer.group().sum(step.numbers);
  const at::Tensor norm = step.numbers[1].sqrt_().div_(factor);
  optimizer.stop_unless(step.numbers.isfinite().all());
  optimizer.clip_gradients(norm, max_grad_norm, factor);
  optimizer.step(learning_rate);
  return step;
}

std::vector<StepResult> results_of(std::span<const QueuedStep> steps) {
  std::vector<at::Tensor> numbers;
  for (const QueuedStep& step : steps) numbers.push_back(step.numbers);
  if (numbers.empty()) return {};
  const at::Tensor all = at::stack(numbers).cpu();
  std::vector<StepResult> out;
  for (const QueuedStep& step : steps) {
    const double* const found = all[std::ssize(out)].const_data_ptr<double>();
    StepResult result{.loss = found[0], .gradient_norm = found[1]};
    result.notes = {.signals = found[2], .seconds = found[3]};
    if (all.size(1) > 4) result.retention = found[4];
    result.tokens = step.tokens;
    result.targets = step.targets;
    out.push_back(result);
  }
  return out;
}

std::optional<double> mean_loss(const Decoder& decoder, const Dataset& dataset,
                                std::int64_t tokens_at_once, const std::function<bool()>& stop,
                                const RankGroup& group) {
  const c10::NoGradGuard no_grad;
  double sum = 0;
  std::int64_t targets = 0, pieces = 0;
  TokenBatch batch;
  const auto flush = [&] {
    const bool is_ours = pieces++ % group.count() == group.rank();
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
  // The last round is not full, and those who are not in it must compute too.
  const std::int64_t in_round = pieces % group.count();
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
