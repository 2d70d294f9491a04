#pragma once

#include "model/spec.h"

#include <ATen/ATen.h>

namespace expandft {

/// act(gate) ⊙ up, both (N, p).
at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, Activation activation);

struct GatedActivationGrads {
  at::Tensor value;     // act(gate) ⊙ up again; undefined when not asked for
  at::Tensor gate, up;  // gradients
};
/// Gradients of gated_activation, given that of its value. `grad` is overwritten.
GatedActivationGrads gated_activation_backward(at::Tensor grad, const at::Tensor& gate,
                                               const at::Tensor& up, Activation activation,
                                               bool want_value);

}  // namespace expandft
