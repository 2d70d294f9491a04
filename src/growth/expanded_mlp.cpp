#include "growth/expanded_mlp.h"

#include <utility>

namespace expandft {

at::Tensor original_at(double strength, const at::Tensor& base, const at::Tensor& tuned) {
  if (!tuned.defined() || strength == 0) return base;
  if (strength == 1) return tuned;
  return at::lerp(base.to(at::kFloat), tuned.to(base.device(), at::kFloat), strength);
}

MlpWeights gathered_neurons(const MlpWeights& mlp, const at::Tensor& neurons) {
  const auto rows = [&](const Linear& linear) {
    return Linear{linear.weight.index_select(0, neurons),
                  linear.bias.defined() ? linear.bias.index_select(0, neurons) : at::Tensor()};
  };
  return {rows(mlp.gate), rows(mlp.up), Linear{mlp.down.weight.index_select(1, neurons)}};
}

ExpandedMlp::ExpandedMlp(Parts parts, Activation activation, CopyShares shares)
    : parts_(std::move(parts)), activation_(activation), shares_(shares) {
  const bool reads_base = shares == CopyShares::kOfOutput && !parts_.originals;
  if (parts_.neurons.defined() && reads_base) {
    gathered_ = gathered_neurons(parts_.base, parts_.neurons);
  }
}

at::Tensor ExpandedMlp::replaced(const at::Tensor& x, const MlpWeights& original,
                                 const at::Tensor& output) const {
  if (!parts_.neurons.defined()) return output;
  return gated_mlp(x, gathered_ ? *gathered_ : gathered_neurons(original, parts_.neurons),
                   activation_);
}

MlpWeights ExpandedMlp::original() const {
  if (!parts_.originals) return parts_.base;
  const auto at = [&](const Linear& base, const Linear& tuned) {
    return Linear{original_at(strength_, base.weight, tuned.weight),
                  original_at(strength_, base.bias, tuned.bias)};
  };
  const MlpWeights &base = parts_.base, &tuned = *parts_.originals;
  return {at(base.gate, tuned.gate), at(base.up, tuned.up), at(base.down, tuned.down)};
}

at::Tensor ExpandedMlp::forward(const at::Tensor& x) const {
  const MlpWeights weights = original();
  const at::Tensor base = gated_mlp(x, weights, activation_);
  at::Tensor y = base;
  if (strength_ != 0 || learned_strength_.defined()) {
    const bool of_output = shares_ == CopyShares::kOfOutput;
    const double copies = of_output ? static_cast<double>(parts_.copies.size() + 1) : 1.0;
    const at::Tensor before = of_output ? replaced(x, weights, base) : at::Tensor();
    for (const MlpWeights& copy : parts_.copies) {
      const at::Tensor added = gated_mlp(x, copy, activation_);
      const at::Tensor change = of_output ? added - before : added;
      y = learned_strength_.defined() ? y + change * (learned_strength_ / copies)
                                      : at::add(y, change, strength_ / copies);
    }
  }
  return weights.down.bias.defined() ? y + weights.down.bias.to(y.scalar_type()) : y;
}

}  // namespace expandft
