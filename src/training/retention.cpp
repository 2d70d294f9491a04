#include "training/retention.h"

#include "data/random.h"
#include "model/loss.h"

#include <algorithm>
#include <numeric>

namespace expandft {

Retention::Retention(const RetentionConfig& config, const Dataset& text, std::uint64_t seed,
                     std::int64_t frozen_layers, StreamShare share)
    : config_(config), text_(text), seed_(seed), frozen_layers_(frozen_layers), share_(share) {}

std::int64_t Retention::batch_size() const {
  return std::min(config_.batch_size, static_cast<std::int64_t>(text_.examples.size()));
}

std::vector<ExampleGroup> Retention::first_groups() const {
  const ExampleGroup& order = order_of(0);
  std::vector<ExampleGroup> groups;
  const auto total = static_cast<std::int64_t>(order.size());
  for (std::int64_t at = 0; at + batch_size() <= total; at += batch_size()) {
    groups.emplace_back(order.begin() + at, order.begin() + at + batch_size());
  }
  const std::int64_t whole = std::ssize(groups);
  if (whole * batch_size() < total) groups.push_back(examples_of(whole));
  return groups;
}

const ExampleGroup& Retention::order_of(std::int64_t epoch) const {
  if (epoch == order_epoch_) return order_;
  order_.resize(text_.examples.size());
  std::iota(order_.begin(), order_.end(), std::uint32_t{0});
  constexpr std::uint64_t kPurpose = std::uint64_t{1} << 32;  // unlike the training data's epochs
  Random(seed_, kPurpose + static_cast<std::uint64_t>(epoch)).shuffle(order_);
  order_epoch_ = epoch;
  return order_;
}

// Epoch after epoch, each in its own order. A step's examples depend only on its number, so a
// resumed run uses the same ones.
ExampleGroup Retention::examples_of(std::int64_t step) const {
  const auto total = static_cast<std::int64_t>(text_.examples.size());
  const std::int64_t count = batch_size();
  ExampleGroup examples;
  for (std::int64_t i = step * count; i < (step + 1) * count; ++i) {
    examples.push_back(order_of(i / total)[static_cast<std::size_t>(i % total)]);
  }
  return examples;
}

std::int64_t Retention::tokens_of(const ExampleGroup& examples) const {
  std::int64_t tokens = 0;
  for (const std::uint32_t example : examples) tokens += text_.examples.length(example);
  return tokens;
}

FurtherTerm Retention::term(const Decoder& decoder, const Adaptation& adaptation,
                            std::int64_t step) const {
  return {.divisor = static_cast<double>(tokens_of(examples_of(step))) / config_.weight,
          .backward = [this, &decoder, &adaptation, step](double factor) {
            return backward(decoder, adaptation, step, factor);
          }};
}

at::Tensor Retention::backward(const Decoder& decoder, const Adaptation& adaptation,
                               std::int64_t step, double factor) const {
  const ExampleGroup all = examples_of(step);
  const ExampleGroup examples = share_.of(all);
  const bool is_idle = examples.empty();
  if (is_idle && !decoder.is_sharded()) {
    return at::zeros({}, at::TensorOptions().device(decoder.device()));
  }
  const std::int64_t all_tokens = tokens_of(all);
  const TokenTensors tokens = is_idle ? idle_tokens(decoder.device())
                                      : to_device(batch_of(text_, examples), decoder.device());
  at::Tensor frozen;
  if (frozen_layers_ > 0) {
    frozen = cache_ ? cache_->states(examples) : decoder.states_before(frozen_layers_, tokens);
  }
  const auto hidden = [&] {
    return frozen.defined() ? decoder.hidden(tokens, frozen_layers_, frozen)
                            : decoder.hidden(tokens);
  };
  at::Tensor reference, reference_head;
  {
    const c10::NoGradGuard no_grad;
    adaptation.set_strength(0);
    reference = hidden();
    reference_head = decoder.head().detach();
    adaptation.set_strength(1);
  }
  const at::Tensor divergence = linear_kl_divergence(hidden(), decoder.head(), reference,
                                                     reference_head, decoder.spec().logit_softcap) /
                                static_cast<double>(all_tokens);
  (divergence * (is_idle ? 0 : config_.weight * factor)).backward();
  return is_idle ? at::zeros_like(divergence) : divergence.detach();
}

}  // namespace expandft
