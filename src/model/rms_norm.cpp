#include "model/rms_norm.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            double eps) {
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor rstd = wide.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
    ctx->save_for_backward({x, weight, rstd});
    return (wide * rstd).to(x.scalar_type()).mul_(weight);
  }

  // With n = x·r and r = rsqrt(mean(x²) + eps): dx = r·(g − n·mean(g·n)), where g = dy·w.
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &rstd = saved[2];
    const at::Tensor dy = grads[0].to(at::kFloat);
    const at::Tensor normed = x.to(at::kFloat) * rstd;
    at::Tensor dx, dweight;
    if (ctx->needs_input_grad(0)) {
      at::Tensor g = dy * weight;
      const at::Tensor projection = (g * normed).mean(-1, /*keepdim=*/true);
      dx = g.addcmul_(normed, projection, -1).mul_(rstd).to(x.scalar_type());
    }
    if (ctx->needs_input_grad(1)) dweight = (dy * normed).sum(0).to(weight.scalar_type());
    return {dx, dweight, {}};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNormFunction::apply(x, weight, eps);
}

}  // namespace expandft
