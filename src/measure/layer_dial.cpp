#include "measure/layer_dial.h"

#include "base/error.h"
#include "model/loss.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace expandft {
namespace {

/// A batch with what does not depend on the strengths.
struct FixedPart {
  TokenTensors tokens;
  at::Tensor states;     // what enters the first layer that changes; undefined: that is layer 0
  at::Tensor reference;  // the base's last hidden states; of kept text
};

class Objective {
 public:
  Objective(const Decoder& decoder, const Adaptation& adaptation, const DialTexts& texts,
            const DialOptions& options)
      : decoder_(decoder), options_(options) {
    const c10::NoGradGuard no_grad;
    adaptation.set_strength(0);
    head_ = decoder.head().detach();
    for (const TokenBatch& batch : texts.learned) {
      targets_ += batch.target_count();
      learned_.push_back(fixed(batch));
    }
    for (const TokenBatch& batch : texts.kept) {
      kept_tokens_ += batch.tokens();
      kept_.push_back(fixed(batch));
      kept_.back().reference = hidden(kept_.back());
    }
  }

  /// At the strengths that are set. With `differentiate`, adds the gradients of the objective.
  DialPoint measure(bool differentiate) const {
    const c10::AutoGradMode gradients(differentiate);
    DialPoint point;
    const auto add = [&](const at::Tensor& sum, std::int64_t count, double weight, double& total) {
      const at::Tensor mean = sum / static_cast<double>(count);
      if (differentiate) (mean * weight).backward();
      total += mean.item<double>();
    };
    for (const FixedPart& part : learned_) {
      const at::Tensor rows = hidden(part).index_select(0, part.tokens.target_rows);
      add(linear_cross_entropy(rows, decoder_.head(), part.tokens.targets, softcap()), targets_, 1,
          point.loss);
    }
    for (const FixedPart& part : kept_) {
      add(linear_kl_divergence(hidden(part), decoder_.head(), part.reference, head_, softcap()),
          kept_tokens_, options_.weight, point.divergence);
    }
    if (!std::isfinite(point.objective(options_.weight))) {
      throw decoder_.non_finite_error("a loss that is not finite", "the search of strengths");
    }
    return point;
  }

 private:
  FixedPart fixed(const TokenBatch& batch) const {
    FixedPart part{.tokens = to_device(batch, decoder_.device())};
    if (options_.frozen_layers > 0) {
      part.states = decoder_.states_before(options_.frozen_layers, part.tokens);
    }
    return part;
  }
  at::Tensor hidden(const FixedPart& part) const {
    return part.states.defined() ? decoder_.hidden(part.tokens, options_.frozen_layers, part.states)
                                 : decoder_.hidden(part.tokens);
  }
  std::optional<double> softcap() const { return decoder_.spec().logit_softcap; }

  const Decoder& decoder_;
  const DialOptions& options_;
  std::vector<FixedPart> learned_, kept_;
  std::int64_t targets_ = 0, kept_tokens_ = 0;
  at::Tensor head_;
};

/// Adam (arXiv 1412.6980) on numbers from 0 to 1.
class ProjectedAdam {
 public:
  explicit ProjectedAdam(std::size_t size) : mean_(size), square_(size) {}

  void step(const std::vector<double>& gradient, double rate, std::vector<double>& x) {
    constexpr double kBeta1 = 0.8, kBeta2 = 0.95, kEpsilon = 1e-12;  // for a few dozen steps
    ++steps_;
    for (std::size_t i = 0; i < x.size(); ++i) {
      mean_[i] = kBeta1 * mean_[i] + (1 - kBeta1) * gradient[i];
      square_[i] = kBeta2 * square_[i] + (1 - kBeta2) * gradient[i] * gradient[i];
      const double mean = mean_[i] / (1 - std::pow(kBeta1, steps_));
      const double square = square_[i] / (1 - std::pow(kBeta2, steps_));
      x[i] = std::clamp(x[i] - rate * mean / (std::sqrt(square) + kEpsilon), 0.0, 1.0);
    }
  }

 private:
  int steps_ = 0;
  std::vector<double> mean_, square_;
};

}  // namespace

LayerDial find_layer_strengths(const Decoder& decoder, const Adaptation& adaptation,
                               const DialTexts& texts, const DialOptions& options,
                               const std::function<void(std::int64_t)>& progress) {
  const Objective objective(decoder, adaptation, texts, options);
  const auto is_better = [&](const DialPoint& one, const DialPoint& other) {
    return one.objective(options.weight) < other.objective(options.weight);
  };
  LayerDial dial;
  for (const double strength : {1.0, 0.75, 0.5, 0.25}) {
    adaptation.set_strength(strength);
    DialPoint point = objective.measure(/*differentiate=*/false);
    point.strength = strength;
    if (strength == 1.0 || is_better(point, dial.uniform)) dial.uniform = std::move(point);
  }
  dial.layers = dial.uniform;
  const std::int64_t layers = decoder.spec().layers;
  std::vector<double> strengths(static_cast<std::size_t>(layers),
                                *dial.uniform.strength.everywhere());
  ProjectedAdam adam(strengths.size());
  for (std::int64_t step = 0; step <= options.steps; ++step) {
    const at::Tensor live = at::tensor(strengths, at::TensorOptions().dtype(at::kFloat))
                                .to(decoder.device())
                                .set_requires_grad(true);
    if (!adaptation.learn_strength(live)) {
      throw input_error(
          "this adapter changes the base's own weights, whose strength in a layer "
          "cannot be learned",
          "--dial layers", "use the dial that is the same in all layers");
    }
    // The last turn only measures what the last step led to.
    const bool is_last = step == options.steps;
    DialPoint point = objective.measure(/*differentiate=*/!is_last);
    point.strength = Strength::of_layers(strengths);
    if (is_better(point, dial.layers)) dial.layers = std::move(point);
    if (is_last) break;
    const at::Tensor gradient = live.grad().to(at::kCPU, at::kDouble);
    const double* const first = gradient.const_data_ptr<double>();
    const double done = static_cast<double>(step) / static_cast<double>(options.steps);
    adam.step({first, first + gradient.numel()}, options.rate * (1 - 0.9 * done), strengths);
    if (progress) progress(step + 1);
  }
  dial.layers.strength = dial.layers.strength.times(1);  // rounded
  adaptation.set_strength(dial.layers.strength);
  return dial;
}

}  // namespace expandft
