#pragma once

#include "config/strength.h"

#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A trainable tensor. Its learning rate is the run's times `rate_scale`.
struct Parameter {
  std::string name;
  at::Tensor tensor;
  double rate_scale = 1.0;
};

/// How a method of fine-tuning has adapted a decoder: the trainable tensors, and the strength
/// between the base and the tuned model. The decoder must outlive it.
class Adaptation {
 public:
  virtual ~Adaptation() = default;

  /// The live tensors, in fp32 and always in the same order. Training changes them in place.
  virtual std::vector<Parameter> parameters() const = 0;
  /// The same tensors with their names.
  NamedTensors tensors() const {
    NamedTensors out;
    for (Parameter& one : parameters()) out.emplace_back(std::move(one.name), one.tensor);
    return out;
  }

  /// 1 is the model as trained, 0 the base bit for bit; a strength can vary linearly over the
  /// decoder's layers. Training runs at strength 1.
  virtual void set_strength(const Strength& strength) const = 0;
  /// Sets the strength of each layer to a number of a tensor (layers) of fp32, in which the model's
  /// output then has gradients, until set_strength. False, with nothing changed, for methods that
  /// cannot: those that train the base's own weights.
  virtual bool learn_strength(const at::Tensor& /*layers*/) const { return false; }
};

}  // namespace expandft
