#include "methods/trained_weights.h"

#include <utility>

namespace expandft {

at::Tensor TrainedWeights::add(std::string name, const at::Tensor& initial,
                               const at::Tensor& origin, double depth) {
  const at::Tensor live =
      initial.detach().to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  parameters_.push_back({std::move(name), live});
  depths_.push_back(depth);
  origins_.push_back(origin.defined() ? origin.detach() : origin);
  return live;
}

// Decoder and optimizer hold the live tensors, so their data is replaced, not the tensors.
void TrainedWeights::set_strength(const Strength& strength) const {
  if (strength == strength_) return;
  const c10::NoGradGuard no_grad;
  if (strength_ == Strength(1)) {
    trained_.clear();
    for (const Parameter& one : parameters_) trained_.push_back(one.tensor.detach());
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor &origin = origins_[i], &trained = trained_[i];
    if (!origin.defined()) continue;
    const double s = strength.at_depth(depths_[i]);
    parameters_[i].tensor.set_data(s == 1   ? trained
                                   : s == 0 ? origin
                                            : at::lerp(origin.to(at::kFloat), trained, s));
  }
  if (strength == Strength(1)) trained_.clear();
  strength_ = strength;
}

}  // namespace expandft
