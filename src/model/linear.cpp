#include "model/linear.h"

#include "kernels/matrix_product.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    // A frozen weight gets no gradient, so its input need not be kept.
    ctx->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
    ctx->saved_data["has_bias"] = bias.has_value();
    return product_transposed(x, weight, bias);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor dy = grads[0].contiguous();
    at::Tensor dx, dweight, dbias;
    if (ctx->needs_input_grad(0)) dx = product(dy, saved[1]);
    if (ctx->needs_input_grad(1)) dweight = at::mm(dy.t(), saved[0]);
    if (ctx->saved_data["has_bias"].toBool() && ctx->needs_input_grad(2)) dbias = dy.sum(0);
    return {dx, dweight, dbias};
  }
};

}  // namespace

at::Tensor Linear::operator()(const at::Tensor& x) const {
  const at::ScalarType dtype = x.scalar_type();
  const at::Tensor y = LinearFunction::apply(
      x, weight.to(dtype), bias.defined() ? std::optional(bias.to(dtype)) : std::nullopt);
  if (!update || update->scale == 0) return y;
  const at::Tensor b = update->b.narrow(0, update->first_row, weight.size(0));
  const at::Tensor inner = LinearFunction::apply(x, update->a.to(dtype), std::nullopt);
  const at::Tensor change = LinearFunction::apply(inner, b.to(dtype), std::nullopt);
  if (update->factor.defined()) return y + change * (update->factor * update->scale);
  return at::add(y, change, update->scale);
}

}  // namespace expandft
