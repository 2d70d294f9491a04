#include "model/activation.h"

namespace expandft {
namespace {

constexpr const char* gelu_approximation(Activation activation) {
  return activation == Activation::kGeluTanh ? "tanh" : "none";
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  return activation == Activation::kSilu ? at::silu(x)
                                         : at::gelu(x, gelu_approximation(activation));
}

at::Tensor activate_backward(const at::Tensor& grad, const at::Tensor& x, Activation activation) {
  return activation == Activation::kSilu
             ? at::silu_backward(grad, x)
             : at::gelu_backward(grad, x, gelu_approximation(activation));
}

}  // namespace

at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  return activate(gate, activation).mul_(up);
}

GatedActivationGrads gated_activation_backward(at::Tensor grad, const at::Tensor& gate,
                                               const at::Tensor& up, Activation activation,
                                               bool want_value) {
  const at::Tensor activated = activate(gate, activation);
  GatedActivationGrads grads;
  if (want_value) grads.value = activated * up;
  grads.up = grad * activated;
  grads.gate = activate_backward(grad.mul_(up), gate, activation);
  return grads;
}

}  // namespace expandft
