#include "growth/expanded_mlp.h"

#include <utility>

namespace expandft {

at::Tensor original_at(double strength, const at::Tensor& base, const at::Tensor& tuned) {
  if (!tuned.defined() || strength == 0) return base;
  if (strength == 1) return tuned;
  return at::lerp(base.to(at::kFloat), tuned.to(base.device(), at::kFloat), strength);
}

ExpandedMlp::ExpandedMlp(Parts parts, Activation activation, CopyShares shares)
    : parts_(std::move(parts)), activation_(activation), shares_(shares) {}

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
    for (const MlpWeights& copy : parts_.copies) {
      const at::Tensor added = gated_mlp(x, copy, activation_);
      const at::Tensor change = of_output ? added - base : added;
      y = learned_strength_.defined() ? y + change * (learned_strength_ / copies)
                                      : at::add(y, change, strength_ / copies);
    }
  }
  return weights.down.bias.defined() ? y + weights.down.bias.to(y.scalar_type()) : y;
}

}  // namespace expandft
