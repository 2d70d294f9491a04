#include "training/retention.h"

#include "data/random.h"
#include "model/loss.h"

#include <algorithm>
#include <numeric>

namespace expandft {
namespace {

/// The rows of a batch whose predictions are compared: those before a learned token, and the last
/// of each sequence. Undefined when these are all rows.
at::Tensor compared_rows(const TokenBatch& batch, at::Device device) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
    for (std::int64_t row = batch.offsets[i]; row < batch.offsets[i + 1]; ++row) {
      const bool is_last = row + 1 == batch.offsets[i + 1];
      if (is_last || batch.targets[static_cast<std::size_t>(row)] != kNoTarget) rows.push_back(row);
    }
  }
  return std::ssize(rows) == batch.tokens() ? at::Tensor() : at::tensor(rows, at::kLong).to(device);
}

}  // namespace

RetentionOrder::RetentionOrder(const Dataset& text, std::int64_t batch_size, std::uint64_t seed)
    : batch_size_(std::min(batch_size, static_cast<std::int64_t>(text.examples.size()))),
      seed_(seed) {
  std::vector<DatasetPart> parts = text.parts;
  if (parts.empty()) parts.push_back({text.examples.size(), 1});
  double weights = 0;
  for (const DatasetPart& part : parts) weights += part.weight;
  std::uint32_t begin = 0;
  for (const DatasetPart& part : parts) {
    texts_.push_back({.begin = begin,
                      .examples = static_cast<std::int64_t>(part.examples),
                      .share = part.weight / weights});
    begin += static_cast<std::uint32_t>(part.examples);
  }
}

/// The text's next example, in the order of its epoch.
std::uint32_t RetentionOrder::next_of(Text& text, std::size_t index) const {
  const std::int64_t epoch = text.dealt / text.examples, place = text.dealt % text.examples;
  if (epoch != text.epoch) {
    text.order.resize(static_cast<std::size_t>(text.examples));
    std::iota(text.order.begin(), text.order.end(), text.begin);
    // Unlike the training data's epochs, and those of other texts.
    const std::uint64_t purpose = (std::uint64_t{index} + 1) << 32;
    Random(seed_, purpose + static_cast<std::uint64_t>(epoch)).shuffle(text.order);
    text.epoch = epoch;
  }
  ++text.dealt;
  return text.order[static_cast<std::size_t>(place)];
}

ExampleGroup RetentionOrder::of(std::int64_t step) const {
  if (step == next_step_ - 1) return newest_;
  if (step < next_step_) {
    for (Text& text : texts_) text.dealt = 0;
    next_step_ = 0;
  }
  for (; next_step_ <= step; ++next_step_) {
    newest_.clear();
    for (std::int64_t i = next_step_ * batch_size_; i < (next_step_ + 1) * batch_size_; ++i) {
      // The text that is furthest behind its share of the sequences up to this one.
      const auto behind = [i](const Text& text) {
        return static_cast<double>(i + 1) * text.share - static_cast<double>(text.dealt);
      };
      const auto text = std::ranges::max_element(texts_, std::ranges::less(), behind);
      newest_.push_back(next_of(*text, static_cast<std::size_t>(text - texts_.begin())));
    }
  }
  return newest_;
}

std::vector<ExampleGroup> RetentionOrder::first_groups() const {
  std::vector<ExampleGroup> groups;
  const auto is_used = [](const Text& text) { return text.dealt >= text.examples; };
  for (std::int64_t step = 0; step == 0 || !std::ranges::all_of(texts_, is_used); ++step) {
    groups.push_back(of(step));
  }
  return groups;
}

Retention::Retention(const RetentionConfig& config, const Dataset& text, std::uint64_t seed,
                     std::int64_t frozen_layers, StreamShare share)
    : config_(config),
      text_(text),
      order_(text, config.batch_size, seed),
      frozen_layers_(frozen_layers),
      share_(share) {}

std::int64_t Retention::targets(const ExampleGroup& examples) const {
  std::int64_t targets = 0;
  for (const std::uint32_t example : examples) targets += text_.examples.targets(example);
  return targets;
}

std::int64_t Retention::compared_tokens(const ExampleGroup& examples) const {
  return targets(examples) + std::ssize(examples);
}

FurtherTerm Retention::term(const Decoder& decoder, const Adaptation& adaptation,
                            std::int64_t step) const {
  return {.divisor = static_cast<double>(compared_tokens(order_.of(step))) / config_.weight,
          .has_divergence = diverges(),
          .has_loss = replays(),
          .backward = [this, &decoder, &adaptation, step](double factor) {
            return backward(decoder, adaptation, step, factor);
          }};
}

Retention::Hidden Retention::hidden(const Decoder& decoder, const Adaptation& adaptation,
                                    const TokenTensors& tokens,
                                    const ExampleGroup& examples) const {
  at::Tensor frozen;
  if (frozen_layers_ > 0) {
    frozen = cache_ && !examples.empty() ? cache_->states(examples)
                                         : decoder.states_before(frozen_layers_, tokens);
  }
  const auto last = [&] {
    return frozen.defined() ? decoder.hidden(tokens, frozen_layers_, frozen)
                            : decoder.hidden(tokens);
  };
  Hidden found;
  if (diverges()) {
    const c10::NoGradGuard no_grad;
    adaptation.set_strength(0);
    found.base = last();
    found.base_head = decoder.head().detach();
    adaptation.set_strength(1);
  }
  found.tuned = last();
  return found;
}

at::Tensor Retention::backward(const Decoder& decoder, const Adaptation& adaptation,
                               std::int64_t step, double factor) const {
  const ExampleGroup all = order_.of(step);
  const ExampleGroup examples = share_.of(all);
  const auto options = at::TensorOptions().device(decoder.device());
  const bool is_idle = examples.empty();
  if (is_idle && !decoder.is_sharded()) return at::zeros({2}, options);
  const TokenBatch batch = batch_of(text_, examples);
  const TokenTensors tokens =
      is_idle ? idle_tokens(decoder.device()) : to_device(batch, decoder.device());
  const Hidden states = hidden(decoder, adaptation, tokens, examples);
  const std::optional<double> softcap = decoder.spec().logit_softcap;
  at::Tensor divergence = at::zeros({}, options), loss = divergence;
  if (diverges()) {
    const at::Tensor rows = is_idle ? at::Tensor() : compared_rows(batch, decoder.device());
    const auto chosen = [&](const at::Tensor& of) {
      return rows.defined() ? of.index_select(0, rows) : of;
    };
    divergence = linear_kl_divergence(chosen(states.tuned), decoder.head(), chosen(states.base),
                                      states.base_head, softcap) /
                 static_cast<double>(compared_tokens(all));
  }
  if (replays()) {
    loss = linear_cross_entropy(states.tuned.index_select(0, tokens.target_rows), decoder.head(),
                                tokens.targets, softcap) /
           static_cast<double>(targets(all));
  }
  ((divergence + loss) * (is_idle ? 0 : config_.weight * factor)).backward();
  const at::Tensor numbers = at::stack({divergence.detach(), loss.detach()});
  return is_idle ? at::zeros_like(numbers) : numbers;
}

}  // namespace expandft
