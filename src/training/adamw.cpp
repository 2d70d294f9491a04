#include "training/adamw.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace expandft {
namespace {

/// Each tensor begins at a multiple of 64 bytes: kernels may sum in another order elsewhere, and an
/// expanded model would no longer be its base bit for bit.
constexpr std::int64_t kAlignment = 16;

std::int64_t padded(const at::Tensor& tensor) {
  return (tensor.numel() + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

AdamW::AdamW(const std::vector<Parameter>& parameters, const TrainingConfig& training)
    : training_(training), views_(parameters) {
  const auto decays = [](const Parameter& one) { return one.tensor.dim() > 1; };
  // By rate, those at the full rate first; then what decays, then what does not.
  std::ranges::stable_sort(views_, [&](const Parameter& a, const Parameter& b) {
    return std::pair(-a.rate_scale, !decays(a)) < std::pair(-b.rate_scale, !decays(b));
  });
  std::int64_t total = 0;
  for (const Parameter& one : views_) {
    if (groups_.empty() || groups_.back().rate_scale != one.rate_scale ||
        groups_.back().decays != decays(one)) {
      groups_.push_back({total, total, one.rate_scale, decays(one)});
    }
    total += padded(one.tensor);
    groups_.back().end = total;
  }
  const auto options =
      at::TensorOptions()
          .dtype(at::kFloat)
          .device(views_.empty() ? at::Device(at::kCPU) : views_.front().tensor.device());
  parameters_ = at::zeros({total}, options);
  gradients_ = at::zeros({total}, options);
  first_moments_ = at::zeros({total}, options);
  second_moments_ = at::zeros({total}, options);
  is_stopped_ = at::zeros({}, options);

  std::int64_t place = 0;
  for (Parameter& one : views_) {
    at::Tensor& tensor = one.tensor;
    const auto own = [&](const at::Tensor& flat) {
      return flat.narrow(0, place, tensor.numel()).view(tensor.sizes());
    };
    const at::Tensor view = own(parameters_);
    view.copy_(tensor);
    tensor.set_data(view);
    tensor.requires_grad_(true);
    tensor.mutable_grad() = own(gradients_);
    place += padded(tensor);
  }
}

std::int64_t AdamW::parameter_count() const {
  std::int64_t count = 0;
  for (const Parameter& one : views_) count += one.tensor.numel();
  return count;
}

at::Tensor AdamW::gradient_norm() const {
  return gradients_.norm();
}

void AdamW::clip_gradients(const at::Tensor& norm, double clip) {
  // The small number keeps the result below the clip, as torch's clip_grad_norm_ does.
  if (clip > 0) gradient_divisor_ = ((norm + 1e-6) / clip).clamp_min(1);
}

void AdamW::stop_unless(const at::Tensor& is_good) {
  is_stopped_.logical_or_(is_good.logical_not());
}

void AdamW::step(double learning_rate) {
  const c10::NoGradGuard no_grad;
  ++steps_;
  for (const Group& group : groups_) step_group(group, learning_rate * group.rate_scale);
  gradient_divisor_.reset();
}

void AdamW::set_steps(std::int64_t steps) {
  steps_ = steps;
  is_stopped_.zero_();
}

void AdamW::step_group(const Group& group, double learning_rate) {
  const auto range = [&](const at::Tensor& flat) {
    return flat.narrow(0, group.begin, group.end - group.begin);
  };
  const at::Tensor steps = at::full({}, static_cast<double>(steps_), parameters_.options());
  const auto divisor =
      gradient_divisor_.defined() ? std::optional(gradient_divisor_) : std::nullopt;
  at::_fused_adamw_({range(parameters_)}, {range(gradients_)}, {range(first_moments_)},
                    {range(second_moments_)}, /*max_exp_avg_sqs=*/{}, {steps}, learning_rate,
                    training_.beta1, training_.beta2, group.decays ? training_.weight_decay : 0.0,
                    training_.epsilon, /*amsgrad=*/false,
                    /*maximize=*/false, /*grad_scale=*/divisor, /*found_inf=*/is_stopped_);
}

NamedTensors AdamW::moments() const {
  NamedTensors out;
  std::int64_t place = 0;
  for (const auto& [name, tensor, rate_scale] : views_) {
    const auto own = [&, count = tensor.numel()](const at::Tensor& flat) {
      return flat.narrow(0, place, count).view(tensor.sizes());
    };
    out.emplace_back(name + ".exp_avg", own(first_moments_));
    out.emplace_back(name + ".exp_avg_sq", own(second_moments_));
    place += padded(tensor);
  }
  return out;
}

}  // namespace expandft
