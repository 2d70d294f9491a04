#include "model/gated_mlp.h"

#include "model/activation.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct GatedMlpFunction : torch::autograd::Function<GatedMlpFunction> {
  // Places of the inputs among the tensors, as needs_input_grad counts them.
  enum Input { kX, kGate, kGateBias, kUp, kUpBias, kDown };

  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& gate,
                            const at::Tensor& gate_bias, const at::Tensor& up,
                            const at::Tensor& up_bias, const at::Tensor& down,
                            std::int64_t activation) {
    const at::Tensor g = at::linear(x, gate, gate_bias), u = at::linear(x, up, up_bias);
    const bool trains = gate.requires_grad() || up.requires_grad() || down.requires_grad();
    if (x.requires_grad() || trains) {
      // x is needed for the weights' gradients only. The activation is cheap, and done again.
      ctx->save_for_backward({trains ? x : at::Tensor(), gate, up, down, g, u});
      ctx->saved_data["activation"] = activation;
    }
    return at::linear(gated_activation(g, u, static_cast<Activation>(activation)), down);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &gate = saved[1], &up = saved[2], &down = saved[3];
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const at::Tensor& dy = grads[0];
    variable_list out(7);
    const auto inner = gated_activation_backward(at::mm(dy, down), saved[4], saved[5], activation,
                                                 ctx->needs_input_grad(kDown));
    if (ctx->needs_input_grad(kDown)) out[kDown] = at::mm(dy.t(), inner.value);
    if (ctx->needs_input_grad(kGate)) out[kGate] = at::mm(inner.gate.t(), x);
    if (ctx->needs_input_grad(kUp)) out[kUp] = at::mm(inner.up.t(), x);
    if (ctx->needs_input_grad(kGateBias)) out[kGateBias] = inner.gate.sum(0);
    if (ctx->needs_input_grad(kUpBias)) out[kUpBias] = inner.up.sum(0);
    if (ctx->needs_input_grad(kX)) {
      out[kX] = at::mm(inner.gate, gate).addmm_(inner.up, up);
    }
    return out;
  }
};

}  // namespace

at::Tensor gated_mlp(const at::Tensor& x, const MlpWeights& weights, Activation activation) {
  return GatedMlpFunction::apply(x, weights.gate.weight, weights.gate.bias, weights.up.weight,
                                 weights.up.bias, weights.down.weight,
                                 static_cast<std::int64_t>(activation));
}

at::Tensor DenseMlp::forward(const at::Tensor& x) const {
  const at::Tensor y = gated_mlp(x, weights_, activation_);
  return weights_.down.bias.defined() ? y + weights_.down.bias : y;
}

}  // namespace expandft
