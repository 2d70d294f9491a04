#include "training/adamw.h"

#include "kernels/squared_norm.h"
#include "model/tensors.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace expandft {
namespace {

bool decays(const Parameter& one) {
  return one.tensor.dim() > 1;
}

/// The rate_scale of a parameter, with the factor for its projection.
double rate_scale_of(const Parameter& one, const LearningRateScales& scales) {
  for (const auto& [projection, scale] :
       {std::pair("gate_proj", scales.gate), {"up_proj", scales.up}, {"down_proj", scales.down}}) {
    if (one.name.find(projection) != one.name.npos) return one.rate_scale * scale;
  }
  return one.rate_scale;
}

at::Tensor part_of(const at::Tensor& flat, const FlatRange& range) {
  return flat.narrow(0, range.begin, range.size());
}

/// The part of a rank's share that belongs to `range`. `own` and `range` are of the whole buffer.
at::Tensor part_of_share(const at::Tensor& share, const FlatRange& own, const FlatRange& range) {
  return part_of(share, {range.begin - own.begin, range.end - own.begin});
}

}  // namespace

AdamW::AdamW(const std::vector<Parameter>& given, const TrainingConfig& training,
             const RankGroup& group, at::ScalarType compute_dtype)
    : group_(group), training_(training) {
  std::vector<Parameter> parameters = given;
  for (Parameter& one : parameters) {
    one.rate_scale = rate_scale_of(one, training.learning_rate_scales);
  }
  std::vector<std::size_t> order(parameters.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  // Grouped by learning rate, the full rate first; within a rate those that decay come first.
  std::ranges::stable_sort(order, std::ranges::less(), [&](std::size_t i) {
    return std::pair(-parameters[i].rate_scale, !decays(parameters[i]));
  });
  std::int64_t total = 0;
  for (const std::size_t i : order) {
    const Parameter& one = parameters[i];
    if (groups_.empty() || groups_.back().rate_scale != one.rate_scale ||
        groups_.back().decays != decays(one)) {
      groups_.push_back({{total, total}, one.rate_scale, decays(one)});
    }
    views_.push_back({one, {total, total + one.tensor.numel()}});
    total += rounded_up(one.tensor.numel(), kFlatAlignment);
    groups_.back().range.end = total;
  }
  share_ = rounded_up(total, kFlatAlignment * group.count()) / group.count();
  const auto options =
      at::TensorOptions()
          .dtype(at::kFloat)
          .device(parameters.empty() ? at::Device(at::kCPU) : parameters.front().tensor.device());
  const std::int64_t all = share_ * group.count();
  parameters_ = at::zeros({all}, options.dtype(group.is_alone() ? at::kFloat : compute_dtype));
  gradients_ = at::zeros({all}, options);
  masters_ =
      has_masters() ? at::zeros({share_}, options) : part_of(parameters_, share_of(group.rank()));
  first_moments_ = at::zeros({share_}, options);
  second_moments_ = at::zeros({share_}, options);
  if (training.ema) average_ = at::zeros({share_}, options);
  is_stopped_ = at::zeros({}, options);
  std::vector<GradientReduction::Leaf> leaves(parameters.size());  // in the order of parameters
  for (std::size_t i = 0; i < order.size(); ++i) {
    const FlatRange& range = views_[i].range;
    at::Tensor& tensor = views_[i].parameter.tensor;
    const at::Tensor initial = tensor.detach().flatten();
    group.share(initial, 0);
    if (has_masters()) scatter(masters_, range, initial);
    const at::Tensor view = part_of(parameters_, range).view(tensor.sizes());
    view.copy_(initial.view(tensor.sizes()));
    tensor.set_data(view);
    tensor.requires_grad_(true);
    const at::Tensor gradient = part_of(gradients_, range).view(tensor.sizes());
    if (!has_masters()) tensor.mutable_grad() = gradient;
    leaves[order[i]] = {tensor, range, gradient};
  }
  if (!group.is_alone()) reduction_.emplace(group, gradients_, share_, leaves);
}

std::int64_t AdamW::parameter_count() const {
  std::int64_t count = 0;
  for (const View& one : views_) count += one.range.size();
  return count;
}

void AdamW::begin_reduction() {
  if (reduction_) reduction_->begin();
}

void AdamW::finish_reduction() {
  if (reduction_) reduction_->finish();
}

at::Tensor AdamW::squared_norm() const {
  return expandft::squared_norm(part_of(gradients_, share_of(group_.rank())));
}

void AdamW::clip_gradients(const at::Tensor& norm, double clip, double factor) {
  if (clip <= 0 && factor == 1) return;
  // The small constant is that of torch's clip_grad_norm_: it keeps the result below the clip.
  const at::Tensor clipped = clip > 0 ? ((norm + 1e-6) / clip).clamp_min(1) : at::ones_like(norm);
  gradient_divisor_ = (clipped * factor).to(at::kFloat);
}

void AdamW::stop_unless(const at::Tensor& is_good) {
  is_stopped_.logical_or_(is_good.logical_not());
}

void AdamW::step(double learning_rate) {
  const c10::NoGradGuard no_grad;
  ++steps_;
  for (const Group& group : groups_) update(group, learning_rate * group.rate_scale);
  gradient_divisor_.reset();
  if (average_.defined()) update_average();
  share_parameters();
}

/// With r = (1 − β)/(1 − β^t), the average moves by r of the way to the weights. Not in steps that
/// change nothing.
void AdamW::update_average() {
  const double decay = *training_.ema;
  const double rate = (1 - decay) / (1 - std::pow(decay, static_cast<double>(steps_)));
  average_.lerp_(masters_, (1 - is_stopped_) * rate);
}

void AdamW::swap_average() {
  if (!average_.defined() || steps_ == 0) return;
  const c10::NoGradGuard no_grad;
  const at::Tensor weights = masters_.clone();
  masters_.copy_(average_);
  average_.copy_(weights);
  share_parameters();
}

/// Sends each owner's weights to all ranks.
void AdamW::share_parameters() const {
  const c10::NoGradGuard no_grad;
  if (has_masters()) part_of(parameters_, share_of(group_.rank())).copy_(masters_);
  for (int rank = 0; rank < group_.count(); ++rank) {
    group_.share(part_of(parameters_, share_of(rank)), rank);
  }
}

void AdamW::update(const Group& group, double learning_rate) {
  const FlatRange own = share_of(group_.rank()), range = group.range.common(own);
  if (range.size() <= 0) return;
  const auto of_share = [&](const at::Tensor& share) { return part_of_share(share, own, range); };
  const at::Tensor steps = at::full({}, static_cast<double>(steps_), masters_.options());
  at::_fused_adamw_({of_share(masters_)}, {part_of(gradients_, range)}, {of_share(first_moments_)},
                    {of_share(second_moments_)}, /*max_exp_avg_sqs=*/{}, {steps}, learning_rate,
                    training_.beta1, training_.beta2, group.decays ? training_.weight_decay : 0.0,
                    training_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/
                    gradient_divisor_.defined() ? std::optional(gradient_divisor_) : std::nullopt,
                    /*found_inf=*/is_stopped_);
}

template <typename Visit>
void AdamW::for_each_moment(Visit visit) const {
  for (const View& one : views_) {
    visit(one.parameter.name + ".exp_avg", one, first_moments_);
    visit(one.parameter.name + ".exp_avg_sq", one, second_moments_);
    if (average_.defined()) visit(one.parameter.name + ".average", one, average_);
  }
}

/// A stretch of what the ranks have shares of; on all ranks.
at::Tensor AdamW::gathered(const at::Tensor& share, const FlatRange& range) const {
  if (group_.is_alone()) return part_of(share, range);
  at::Tensor out = at::empty({range.size()}, share.options());
  for (int rank = 0; rank < group_.count(); ++rank) {
    const FlatRange theirs = share_of(rank), piece = range.common(theirs);
    if (piece.size() <= 0) continue;
    const at::Tensor part = out.narrow(0, piece.begin - range.begin, piece.size());
    if (rank == group_.rank()) part.copy_(part_of_share(share, theirs, piece));
    group_.share(part, rank);
  }
  return out;
}

/// Copies this rank's part of `whole`, a range of the buffer, into its share.
void AdamW::scatter(const at::Tensor& share, const FlatRange& range,
                    const at::Tensor& whole) const {
  const FlatRange own = share_of(group_.rank()), piece = range.common(own);
  if (piece.size() <= 0) return;
  part_of_share(share, own, piece).copy_(whole.narrow(0, piece.begin - range.begin, piece.size()));
}

TensorSource AdamW::source(std::string name, const View& one, const at::Tensor& share) const {
  const auto fill = [this, range = one.range, share](std::span<std::byte> bytes) {
    copy_into(bytes, gathered(share, range), Dtype::kF32);
  };
  return {std::move(name), Dtype::kF32, one.parameter.tensor.sizes().vec(), fill};
}

std::vector<TensorSource> AdamW::weights() const {
  std::vector<TensorSource> out;
  for (const View& one : views_) out.push_back(source(one.parameter.name, one, masters_));
  return out;
}

std::vector<TensorSource> AdamW::moments() const {
  std::vector<TensorSource> out;
  for_each_moment([&](std::string name, const View& one, const at::Tensor& share) {
    out.push_back(source(std::move(name), one, share));
  });
  return out;
}

void AdamW::send_state() const {
  for (const View& one : views_) gathered(masters_, one.range);
  for_each_moment([&](const std::string&, const View& one, const at::Tensor& share) {
    gathered(share, one.range);
  });
}

/// Distributes a tensor of rank 0 over the shares of all ranks.
void AdamW::read_into(const at::Tensor& share, const View& one, const std::string& name,
                      const ReadTensor& read) const {
  at::Tensor whole = group_.is_first() ? read(name).flatten().to(share.device(), at::kFloat)
                                       : at::empty({one.range.size()}, share.options());
  if (!group_.is_alone() && group_.is_first()) whole = whole.clone();  // it may be a mapped file
  group_.share(whole, 0);
  scatter(share, one.range, whole);
}

void AdamW::restore(std::int64_t steps, const ReadTensor& read) {
  restore_weights(read);
  for_each_moment([&](const std::string& name, const View& one, const at::Tensor& share) {
    read_into(share, one, name, read);
  });
  set_steps(steps);
}

void AdamW::restore_weights(const ReadTensor& read) {
  for (const View& one : views_) read_into(masters_, one, one.parameter.name, read);
  share_parameters();
}

void AdamW::set_steps(std::int64_t steps) {
  steps_ = steps;
  is_stopped_.zero_();
}

void AdamW::finish() {
  const c10::NoGradGuard no_grad;
  reduction_.reset();
  for (View& one : views_) one.parameter.tensor.mutable_grad().reset();
  gradients_.reset();
  if (!has_masters()) return;
  parameters_.reset();
  for (View& one : views_) {
    at::Tensor& tensor = one.parameter.tensor;
    tensor.set_data(gathered(masters_, one.range).view(tensor.sizes()));
  }
}

}  // namespace expandft
