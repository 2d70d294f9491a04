#include "model/rope.h"

#include "kernels/fused_ops.h"

#include <algorithm>
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

/// YaRN (arXiv 2309.00071): interpolates between scaled and unscaled frequencies by a ramp over the
/// dimensions.
double yarn_interpolated(double frequency, double pair, const RopeSpec& spec, double dim) {
  const auto dimension_of = [&](double rotations) {
    const auto original = static_cast<double>(spec.original_max_positions);
    return dim * std::log(original / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(spec.theta));
  };
  double low = dimension_of(spec.beta_fast), high = dimension_of(spec.beta_slow);
  if (spec.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  const double ramp = std::clamp((pair - low) / (high - low), 0.0, 1.0);
  return frequency / spec.factor * ramp + frequency * (1 - ramp);
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

/// (N, dim / 2), fp32.
at::Tensor angles_of(const RopeSpec& spec, std::int64_t dim, const at::Tensor& positions,
                     std::int64_t length) {
  const at::Tensor frequencies = at::tensor(rope_frequencies(spec, dim, length), at::kDouble)
                                     .to(positions.options().dtype(at::kFloat));
  return at::outer(positions.to(at::kFloat), frequencies);
}

RopeAngles cos_and_sin(const at::Tensor& angles, const RopeSpec& spec, at::ScalarType dtype) {
  const auto scaled = [&](at::Tensor x) {
    return (spec.attention_factor == 1 ? x : x.mul_(spec.attention_factor)).to(dtype);
  };
  return {scaled(angles.cos()), scaled(angles.sin()), {}};
}

/// The factors of queries at `positions` (N), in sequences of at most `longest` tokens; undefined
/// where all are 1. Computed in fp32 and then cast.
at::Tensor query_scale(const RopeSpec& spec, const at::Tensor& positions, std::int64_t longest,
                       at::ScalarType dtype) {
  if (spec.query_growth == 0 || longest <= spec.original_max_positions) return {};
  const at::Tensor times = positions.div(spec.original_max_positions, "floor").to(at::kFloat);
  return times.log1p_().mul_(spec.query_growth).add_(1).to(dtype).view({-1, 1, 1});
}

std::int64_t longest_of(const std::vector<std::int64_t>& offsets) {
  std::int64_t longest = 0;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    longest = std::max(longest, offsets[i + 1] - offsets[i]);
  }
  return longest;
}

}  // namespace

std::vector<double> rope_frequencies(const RopeSpec& spec, std::int64_t dim, std::int64_t length) {
  std::vector<double> frequencies;
  const auto size = static_cast<double>(dim);
  for (std::int64_t i = 0; i < dim / 2; ++i) {
    const auto pair = static_cast<double>(i);
    const double plain = 1.0 / std::pow(spec.theta, 2 * pair / size);
    const auto place = static_cast<std::size_t>(i);
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
      case RopeScaling::kYarn:
        frequencies.push_back(yarn_interpolated(plain, pair, spec, size));
        break;
      case RopeScaling::kProportional:
        frequencies.push_back(i < spec.turned_pairs ? plain / spec.factor : 0.0);
        break;
      case RopeScaling::kLongRope:
        frequencies.push_back(plain / (length > spec.original_max_positions
                                           ? spec.long_factor.at(place)
                                           : spec.short_factor.at(place)));
        break;
    }
  }
  return frequencies;
}

bool same_frequencies(const RopeSpec& spec, std::int64_t before, std::int64_t after) {
  return spec.scaling != RopeScaling::kLongRope ||
         (before > spec.original_max_positions) == (after > spec.original_max_positions);
}

RopeAngles rope_angles(const RopeSpec& spec, std::int64_t dim, const at::Tensor& positions,
                       const std::vector<std::int64_t>& offsets, at::ScalarType dtype) {
  if (spec.scaling != RopeScaling::kLongRope) {
    RopeAngles out = cos_and_sin(angles_of(spec, dim, positions, 0), spec, dtype);
    out.query_scale = query_scale(spec, positions, longest_of(offsets), dtype);
    return out;
  }
  std::vector<at::Tensor> angles;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t length = offsets[i + 1] - offsets[i];
    angles.push_back(angles_of(spec, dim, positions.narrow(0, offsets[i], length), length));
  }
  return cos_and_sin(at::cat(angles), spec, dtype);
}

RopeAngles rope_angles(const RopeSpec& spec, std::int64_t dim, std::int64_t length, std::int64_t n,
                       const at::TensorOptions& options, at::ScalarType dtype) {
  const at::Tensor positions = at::arange(length - n, length, options.dtype(at::kLong));
  RopeAngles out = cos_and_sin(angles_of(spec, dim, positions, length), spec, dtype);
  out.query_scale = query_scale(spec, positions, length, dtype);
  return out;
}

RopeAngles newest_rope_angles(const RopeSpec& spec, std::int64_t dim, const at::Tensor& positions,
                              const std::vector<std::int64_t>& lengths, at::ScalarType dtype) {
  if (spec.scaling != RopeScaling::kLongRope) {
    RopeAngles out = cos_and_sin(angles_of(spec, dim, positions, 0), spec, dtype);
    out.query_scale = query_scale(spec, positions, std::ranges::max(lengths), dtype);
    return out;
  }
  std::vector<at::Tensor> angles;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    angles.push_back(
        angles_of(spec, dim, positions.narrow(0, static_cast<std::int64_t>(i), 1), lengths[i]));
  }
  return cos_and_sin(at::cat(angles), spec, dtype);
}

at::Tensor apply_rope(const at::Tensor& keys, const RopeAngles& angles) {
  return angles.cos.defined() ? RopeFunction::apply(keys, angles.cos, angles.sin) : keys;
}

at::Tensor apply_rope_to_queries(const at::Tensor& queries, const RopeAngles& angles) {
  const at::Tensor turned = apply_rope(queries, angles);
  return angles.query_scale.defined() ? turned * angles.query_scale : turned;
}

}  // namespace expandft
