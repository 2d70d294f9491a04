#include "model/rms_norm.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            double eps, bool adds_one) {
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor rstd = wide.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
    ctx->save_for_backward({x, weight, rstd});
    ctx->saved_data["adds_one"] = adds_one;
    at::Tensor normed = wide * rstd;
    if (adds_one) return normed.mul_(weight.to(at::kFloat) + 1).to(x.scalar_type());
    return normed.to(x.scalar_type()).mul_(weight);
  }

  // With n = x·r and r = rsqrt(mean(x²) + eps): dx = r·(g − n·mean(g·n)), where g = dy·w
  // (or dy·(1 + w)).
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &rstd = saved[2];
    const at::Tensor dy = grads[0].to(at::kFloat);
    const at::Tensor normed = x.to(at::kFloat) * rstd;
    at::Tensor dx, dweight;
    if (ctx->needs_input_grad(0)) {
      at::Tensor g =
          ctx->saved_data["adds_one"].toBool() ? dy * (weight.to(at::kFloat) + 1) : dy * weight;
      const at::Tensor projection = (g * normed).mean(-1, /*keepdim=*/true);
      dx = g.addcmul_(normed, projection, -1).mul_(rstd).to(x.scalar_type());
    }
    if (ctx->needs_input_grad(1))
      dweight = (dy * normed).reshape({-1, weight.size(0)}).sum(0).to(weight.scalar_type());
    return {dx, dweight, {}, {}};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps, bool adds_one) {
  return RmsNormFunction::apply(x, weight.to(x.scalar_type()), eps, adds_one);
}

}  // namespace expandft
