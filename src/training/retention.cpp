#include "training/retention.h"

#include "model/linear_kl_divergence.h"
#include "text/random.h"

#include <algorithm>
#include <numeric>

namespace expandft {

Retention::Retention(const RetentionConfig& config, const Dataset& text, std::uint64_t seed)
    : config_(config), text_(text), seed_(seed) {}

// Epoch after epoch, each in an order of its own, so that a step's sequences depend on its number
// alone: a resumed run takes the same.
TokenBatch Retention::batch_of(std::int64_t step) const {
  const auto total = static_cast<std::int64_t>(text_.examples.size());
  const std::int64_t count = std::min(config_.batch_size, total);
  TokenBatch batch;
  std::int64_t epoch = -1;
  std::vector<std::size_t> order(text_.examples.size());
  for (std::int64_t i = step * count; i < (step + 1) * count; ++i) {
    if (i / total != epoch) {
      epoch = i / total;
      std::iota(order.begin(), order.end(), std::size_t{0});
      constexpr std::uint64_t kPurpose = std::uint64_t{1} << 32;  // apart from the data's epochs
      Random(seed_, kPurpose + static_cast<std::uint64_t>(epoch)).shuffle(order);
    }
    batch.append(text_.examples[order[static_cast<std::size_t>(i % total)]]);
  }
  return batch;
}

double Retention::backward(const Decoder& decoder, const Adaptation& adaptation,
                           std::int64_t step) const {
  const TokenTensors tokens = to_device(batch_of(step), decoder.device());
  at::Tensor reference, reference_head;
  {
    const c10::NoGradGuard no_grad;
    adaptation.set_strength(0);
    reference = decoder.hidden(tokens);
    reference_head = decoder.head().detach();
    adaptation.set_strength(1);
  }
  const at::Tensor divergence =
      linear_kl_divergence(decoder.hidden(tokens), decoder.head(), reference, reference_head,
                           decoder.spec().logit_softcap) /
      static_cast<double>(reference.size(0));
  (divergence * config_.weight).backward();
  return divergence.item<double>();
}

}  // namespace expandft
