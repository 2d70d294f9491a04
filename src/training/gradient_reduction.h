#pragma once

#include "runtime/rank_group.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A stretch of a flat buffer.
struct FlatRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
  /// What two have in common; empty (begin >= end) when nothing.
  FlatRange common(const FlatRange& other) const;
};

/// Sums gradients over ranks while backward goes on: the flat buffer of all gradients is cut into
/// buckets, and a bucket sets out as soon as all gradients in it are made. Each goes to the rank
/// whose share of the buffer it lies in; on the others its numbers are lost. A leaf that has no
/// gradient of its own in the buffer, for it is of a narrower dtype, gets its gradients added
/// there.
class GradientReduction {
 public:
  struct Leaf {
    at::Tensor tensor;
    FlatRange range;      // of its gradient in the buffer
    at::Tensor gradient;  // the same as a view, in the leaf's shape; it may be the leaf's own
  };
  /// `leaves` in the order in which the forward pass comes to them: backward comes to the last
  /// first. `share`: numbers of the buffer that a rank owns, its size over the ranks. `group` must
  /// outlive it.
  GradientReduction(const RankGroup& group, const at::Tensor& gradients, std::int64_t share,
                    const std::vector<Leaf>& leaves);
  ~GradientReduction();
  GradientReduction(const GradientReduction&) = delete;
  GradientReduction& operator=(const GradientReduction&) = delete;

  /// The next backward is the last of this step.
  void begin();
  /// Waits until this rank's share has its sums; begins too, where nothing did.
  void finish();

 private:
  struct Bucket {
    at::Tensor numbers;
    int owner = 0;
    std::int64_t leaves = 0;   // that lie in it, wholly or in part
    std::int64_t missing = 0;  // those whose gradient is still to come
    std::function<void()> wait;
  };
  void made(std::size_t leaf);
  void start_ready();

  const RankGroup& group_;
  std::vector<Bucket> buckets_;                       // in the order in which they set out
  std::vector<std::vector<std::size_t>> buckets_of_;  // of each leaf
  std::vector<at::Tensor> leaves_;                    // they carry our hooks
  std::vector<char> is_made_;                         // of each leaf, in this step
  std::mutex mutex_;  // a GPU's backward runs in a thread of its own
  std::size_t started_ = 0;
  bool is_begun_ = false;
};

}  // namespace expandft
