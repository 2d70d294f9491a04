#include "model/gated_mlp.h"

#include "kernels/fused_ops.h"
#include "kernels/matrix_product.h"

#include <optional>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct GatedMlpFunction : torch::autograd::Function<GatedMlpFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& gate,
                            const std::optional<at::Tensor>& gate_bias, const at::Tensor& up,
                            const std::optional<at::Tensor>& up_bias, const at::Tensor& down,
                            std::int64_t activation) {
    const at::Tensor g = product_transposed(x, gate, gate_bias);
    const at::Tensor u = product_transposed(x, up, up_bias);
    const bool trains = gate.requires_grad() || up.requires_grad() || down.requires_grad();
    if (x.requires_grad() || trains) {
      // Only the weights' gradients need x. The activation is cheap, so backward recomputes it.
      ctx->save_for_backward({trains ? x : at::Tensor(), gate, up, down, g, u});
      ctx->saved_data["activation"] = activation;
      ctx->saved_data["has_bias"] = gate_bias.has_value();
    }
    return product_transposed(gated_activation(g, u, static_cast<Activation>(activation)), down);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &gate = saved[1], &up = saved[2], &down = saved[3];
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const bool has_bias = ctx->saved_data["has_bias"].toBool();
    // needs_input_grad counts only the tensors given: x, gate, [bias,] up, [bias,] down.
    const auto needs = [&](std::size_t with_bias, std::size_t without) {
      return ctx->needs_input_grad(has_bias ? with_bias : without);
    };
    const bool needs_down = needs(5, 3);
    const at::Tensor dy = grads[0].contiguous();
    const auto inner =
        gated_activation_backward(product(dy, down), saved[4], saved[5], activation, needs_down);
    at::Tensor dx, dgate, dgate_bias, dup, dup_bias, ddown;
    if (needs_down) ddown = at::mm(dy.t(), inner.value);
    if (needs(1, 1)) dgate = at::mm(inner.gate.t(), x);
    if (needs(3, 2)) dup = at::mm(inner.up.t(), x);
    if (has_bias && ctx->needs_input_grad(2)) dgate_bias = inner.gate.sum(0);
    if (has_bias && ctx->needs_input_grad(4)) dup_bias = inner.up.sum(0);
    if (needs(0, 0)) dx = product(inner.gate, gate).add_(product(inner.up, up));
    return {dx, dgate, dgate_bias, dup, dup_bias, ddown, {}};
  }
};

struct GatedActivationFunction : torch::autograd::Function<GatedActivationFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate, const at::Tensor& up,
                            std::int64_t activation) {
    ctx->save_for_backward({gate, up});
    ctx->saved_data["activation"] = activation;
    return gated_activation(gate, up, static_cast<Activation>(activation));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const auto inner = gated_activation_backward(grads[0], saved[0], saved[1], activation,
                                                 /*wants_value=*/false);
    return {inner.gate, inner.up, {}};
  }
};

}  // namespace

at::Tensor gated_product(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  return GatedActivationFunction::apply(gate, up, static_cast<std::int64_t>(activation));
}

at::Tensor gated_mlp(const at::Tensor& x, const MlpWeights& weights, Activation activation) {
  const at::ScalarType dtype = x.scalar_type();
  const auto bias = [&](const Linear& linear) {
    return linear.bias.defined() ? std::optional(linear.bias.to(dtype)) : std::nullopt;
  };
  if (weights.gate.update || weights.up.update || weights.down.update) {
    const at::Tensor inner = gated_product(weights.gate(x), weights.up(x), activation);
    return Linear{weights.down.weight, {}, weights.down.update}(inner);
  }
  return GatedMlpFunction::apply(
      x, weights.gate.weight.to(dtype), bias(weights.gate), weights.up.weight.to(dtype),
      bias(weights.up), weights.down.weight.to(dtype), static_cast<std::int64_t>(activation));
}

at::Tensor DenseMlp::forward(const at::Tensor& x) const {
  const at::Tensor y = gated_mlp(x, weights_, activation_);
  return weights_.down.bias.defined() ? y + weights_.down.bias.to(y.scalar_type()) : y;
}

}  // namespace expandft
