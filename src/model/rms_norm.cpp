#include "model/rms_norm.h"

#include "kernels/fused_ops.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            double eps, NormRule rule) {
    auto [y, rstd] = rms_norm_forward(x, weight, eps, rule);
    ctx->save_for_backward({x, weight, rstd});
    ctx->saved_data["rule"] = static_cast<std::int64_t>(rule);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &rstd = saved[2], &dy = grads[0];
    at::Tensor dx, dweight;
    if (ctx->needs_input_grad(0)) {
      dx = rms_norm_backward(dy, x, weight, rstd,
                             static_cast<NormRule>(ctx->saved_data["rule"].toInt()));
    }
    if (ctx->needs_input_grad(1)) {
      const at::Tensor normed = x.to(at::kFloat) * rstd;
      dweight = (dy.to(at::kFloat) * normed).reshape({-1, weight.size(0)}).sum(0);
    }
    return {dx, dweight.defined() ? dweight.to(weight.scalar_type()) : dweight, {}, {}};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, NormRule rule) {
  return RmsNormFunction::apply(x, weight.to(x.scalar_type()), eps, rule);
}

}  // namespace expandft
