#include "model/rope.h"

#include <cmath>
#include <numbers>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

double llama3_smoothed(double frequency, const RopeSpec& spec) {
  const auto original = static_cast<double>(spec.original_max_positions);
  const double wavelength = 2 * std::numbers::pi / frequency;
  if (wavelength < original / spec.high_freq_factor) return frequency;
  if (wavelength > original / spec.low_freq_factor) return frequency / spec.factor;
  const double smooth = (original / wavelength - spec.low_freq_factor) /
                        (spec.high_freq_factor - spec.low_freq_factor);
  return (1 - smooth) * frequency / spec.factor + smooth * frequency;
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
  const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
  at::Tensor out = at::empty_like(x, at::MemoryFormat::Contiguous);
  at::Tensor out_first = out.narrow(-1, 0, half), out_second = out.narrow(-1, half, half);
  at::mul_out(out_first, first, c);
  at::mul_out(out_second, second, c);
  out_first.addcmul_(second, s, back ? 1 : -1);
  out_second.addcmul_(first, s, back ? -1 : 1);
  return out;
}

struct RopeFunction : torch::autograd::Function<RopeFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin) {
    ctx->save_for_backward({cos, sin});
    return rotate(x, cos, sin, /*back=*/false);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {rotate(grads[0], saved[0], saved[1], /*back=*/true), {}, {}};
  }
};

}  // namespace

std::vector<double> rope_frequencies(const RopeSpec& spec, std::int64_t dim) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < dim; i += 2) {
    const double plain =
        1.0 / std::pow(spec.theta, static_cast<double>(i) / static_cast<double>(dim));
    switch (spec.scaling) {
      case RopeScaling::kNone:
        frequencies.push_back(plain);
        break;
      case RopeScaling::kLinear:
        frequencies.push_back(plain / spec.factor);
        break;
      case RopeScaling::kLlama3:
        frequencies.push_back(llama3_smoothed(plain, spec));
        break;
    }
  }
  return frequencies;
}

RopeAngles rope_angles(const at::Tensor& frequencies, const at::Tensor& positions,
                       at::ScalarType dtype) {
  const at::Tensor angles = at::outer(positions.to(at::kFloat), frequencies);
  return {angles.cos().to(dtype), angles.sin().to(dtype)};
}

at::Tensor apply_rope(const at::Tensor& x, const RopeAngles& angles) {
  return RopeFunction::apply(x, angles.cos, angles.sin);
}

}  // namespace expandft
