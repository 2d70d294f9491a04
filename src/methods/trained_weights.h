#pragma once

#include "model/adaptation.h"

#include <string>
#include <vector>

namespace expandft {

/// Trained tensors that take the place of a decoder's own weights: the adaptation of full, last and
/// llama-pro. They are fp32; the base's weights are kept too (on a CPU mapped from the file, where
/// the dtype allows it). At strength s a weight is base + s·(trained − base).
class TrainedWeights final : public Adaptation {
 public:
  /// Returns a copy of `initial` that trains. At strength 0 it becomes `origin`; when that is
  /// undefined, the strength does not change it. `depth`: its place on a strength that differs by
  /// layer, from 0 (the first layer) to 1 (the last).
  at::Tensor add(std::string name, const at::Tensor& initial, const at::Tensor& origin,
                 double depth);

  std::vector<Parameter> parameters() const override { return parameters_; }
  void set_strength(const Strength& strength) const override;

 private:
  std::vector<Parameter> parameters_;
  std::vector<at::Tensor> origins_;          // of each parameter; may be undefined
  std::vector<double> depths_;               // of each parameter
  mutable std::vector<at::Tensor> trained_;  // of each parameter, while the strength is not 1
  mutable Strength strength_;
};

}  // namespace expandft
