#include "training/gradient_reduction.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace expandft {
namespace {

// 25 MB in fp32, as is usual: large enough to hide the fixed cost of a message, small enough for
// the first one to be sent early.
constexpr std::int64_t kBucketNumbers = 25 * 1024 * 1024 / 4;

/// Called whenever a leaf has accumulated a gradient. It stays with the leaf when set_data replaces
/// its data.
struct Hook final : torch::autograd::PostAccumulateGradHook {
  explicit Hook(std::function<void()> called) : call(std::move(called)) {}
  void operator()(const at::Tensor&) override { call(); }
  std::function<void()> call;
};

}  // namespace

FlatRange FlatRange::common(const FlatRange& other) const {
  return {std::max(begin, other.begin), std::min(end, other.end)};
}

GradientReduction::GradientReduction(const RankGroup& group, const at::Tensor& gradients,
                                     std::int64_t share, const std::vector<Leaf>& leaves)
    : group_(group), buckets_of_(leaves.size()), is_complete_(leaves.size()) {
  struct Cut {
    FlatRange range;
    std::size_t first_leaf;  // of its leaves the one that backward reaches last
  };
  std::vector<Cut> cuts;
  for (std::int64_t begin = 0; begin < gradients.numel();) {
    const std::int64_t end = std::min(begin + kBucketNumbers, (begin / share + 1) * share);
    cuts.push_back({{begin, end}, std::numeric_limits<std::size_t>::max()});
    begin = end;
  }
  const auto overlap = [](const Cut& cut, const Leaf& leaf) {
    return cut.range.common(leaf.range).size() > 0;
  };
  for (Cut& cut : cuts) {
    const auto found =
        std::ranges::find_if(leaves, [&](const Leaf& leaf) { return overlap(cut, leaf); });
    cut.first_leaf = static_cast<std::size_t>(found - leaves.begin());
  }
  // All ranks must send in the same order: the one in which buckets become complete.
  std::ranges::stable_sort(cuts, std::ranges::greater(), &Cut::first_leaf);
  for (const Cut& cut : cuts) {
    Bucket& bucket = buckets_.emplace_back();
    bucket.numbers = gradients.narrow(0, cut.range.begin, cut.range.size());
    bucket.owner = static_cast<int>(cut.range.begin / share);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (!overlap(cut, leaves[i])) continue;
      ++bucket.leaves;
      buckets_of_[i].push_back(buckets_.size() - 1);
    }
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const at::Tensor& leaf = leaves_.emplace_back(leaves[i].tensor);
    const auto called = [this, i, leaf, gradient = leaves[i].gradient] {
      if (!leaf.grad().is_same(gradient)) {
        const c10::NoGradGuard no_grad;
        gradient.add_(leaf.grad());
        leaf.mutable_grad().reset();
      }
      complete(i);
    };
    torch::autograd::impl::set_post_acc_grad_hooks(leaf, std::make_unique<Hook>(called));
  }
}

// Hook and leaf hold each other: without this neither would be freed.
GradientReduction::~GradientReduction() {
  for (const at::Tensor& leaf : leaves_) {
    torch::autograd::impl::set_post_acc_grad_hooks(leaf, nullptr);
  }
}

void GradientReduction::begin() {
  const std::lock_guard lock(mutex_);
  is_begun_ = true;
  started_ = 0;
  std::ranges::fill(is_complete_, 0);
  for (Bucket& bucket : buckets_) bucket.missing = bucket.leaves;
}

void GradientReduction::complete(std::size_t leaf) {
  const std::lock_guard lock(mutex_);
  if (!is_begun_ || is_complete_[leaf] != 0) return;
  is_complete_[leaf] = 1;
  for (const std::size_t bucket : buckets_of_[leaf]) --buckets_[bucket].missing;
  start_ready();
}

void GradientReduction::start_ready() {
  for (; started_ < buckets_.size() && buckets_[started_].missing == 0; ++started_) {
    Bucket& bucket = buckets_[started_];
    bucket.wait = group_.start_sum_at(bucket.owner, bucket.numbers);
  }
}

void GradientReduction::finish() {
  if (!is_begun_) begin();
  {
    const std::lock_guard lock(mutex_);
    // Some leaves may have no gradient in this rank's part of the step.
    for (Bucket& bucket : buckets_) bucket.missing = 0;
    start_ready();
    is_begun_ = false;
  }
  for (Bucket& bucket : buckets_) bucket.wait();
}

}  // namespace expandft
