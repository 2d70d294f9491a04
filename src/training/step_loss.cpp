#include "training/step_loss.h"

#include <cmath>
#include <utility>

namespace expandft {

LossOptions loss_options(const RunConfig& run, const Adaptation& adaptation,
                         std::int64_t frozen_layers) {
  return {.token_weights = run.training.token_weights,
          .stm_threshold = run.training.stm_threshold,
          .data_retention = run.retention.uses_data() ? run.retention.weight : 0,
          .adaptation = &adaptation,
          .frozen_layers = frozen_layers};
}

StepLoss::StepLoss(const Decoder& decoder, const StepBatch& batch, const LossOptions& options,
                   PrefixCache* prefix, std::int64_t idle, const RankGroup& group)
    : decoder_(decoder), batch_(batch), options_(options), prefix_(prefix), idle_(idle) {
  if (options.token_weights != TokenWeights::kStm) return;
  at::Tensor counted =
      at::zeros({}, at::TensorOptions().dtype(at::kDouble).device(decoder.device()));
  for (std::int64_t i = -idle; i < std::ssize(batch.micro_batches); ++i) {
    prepared_.push_back(prepare(i));
    if (i >= 0) counted += prepared_.back().terms.weights.sum(at::kDouble);
  }
  group.sum(counted);
  // The sums of a step are divided by all its targets; this makes that a division by those that
  // count. Where none does, the loss is 0.
  const at::Tensor factor =
      (static_cast<double>(batch.targets) / counted.clamp_min(1)).to(at::kFloat);
  for (Prepared& one : prepared_) one.terms.weights.mul_(factor);
}

void StepLoss::ask_base(Prepared& prepared) const {
  const c10::NoGradGuard no_grad;
  if (!prepared.states.defined() && options_.frozen_layers > 0) {
    prepared.layer = options_.frozen_layers;
    prepared.states = decoder_.states_before(prepared.layer, prepared.tokens);
  }
  TokenLossTerms& terms = prepared.terms;
  options_.adaptation->set_strength(0);
  terms.reference = hidden(prepared).index_select(0, prepared.tokens.target_rows);
  terms.reference_head = decoder_.head().detach();
  options_.adaptation->set_strength(1);
  if (terms.rule == TokenWeights::kStm) {
    const at::Tensor log_probs =
        target_log_probs(terms.reference, terms.reference_head, prepared.tokens.targets,
                         decoder_.spec().logit_softcap);
    terms.weights = log_probs.ge(-std::log(options_.stm_threshold)).to(at::kFloat);
  }
  if (options_.data_retention == 0) {
    terms.reference.reset();
    terms.reference_head.reset();
  }
}

StepLoss::Prepared StepLoss::prepare(std::int64_t index) const {
  Prepared prepared;
  prepared.terms.rule = options_.token_weights;
  prepared.terms.divergence_weight = options_.data_retention;
  if (index < 0) {
    prepared.tokens = idle_tokens(decoder_.device());
  } else {
    const auto place = static_cast<std::size_t>(index);
    prepared.tokens = to_device(batch_.micro_batches[place], decoder_.device());
    if (prefix_ != nullptr) {
      prepared.layer = prefix_->layers();
      prepared.states = prefix_->states(batch_.examples[place]);
    }
  }
  if (options_.asks_base()) ask_base(prepared);
  return prepared;
}

at::Tensor StepLoss::hidden(const Prepared& prepared) const {
  return prepared.states.defined()
             ? decoder_.hidden(prepared.tokens, prepared.layer, prepared.states)
             : decoder_.hidden(prepared.tokens);
}

MicroBatchLoss StepLoss::of(std::int64_t index) {
  const Prepared prepared =
      prepared_.empty() ? prepare(index)
                        : std::exchange(prepared_[static_cast<std::size_t>(index + idle_)], {});
  const TokenTensors& tokens = prepared.tokens;
  const at::Tensor rows = hidden(prepared).index_select(0, tokens.target_rows);
  const std::optional<double> softcap = decoder_.spec().logit_softcap;
  if (options_.is_plain()) {
    const at::Tensor sum = linear_cross_entropy(rows, decoder_.head(), tokens.targets, softcap);
    return {index < 0 ? sum * 0 : sum, {}};
  }
  TokenLosses losses =
      linear_token_losses(rows, decoder_.head(), tokens.targets, prepared.terms, softcap);
  if (index >= 0) return {losses.total, losses.sums};
  return {losses.total * 0, at::zeros_like(losses.sums)};
}

}  // namespace expandft
