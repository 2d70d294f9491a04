#pragma once

#include "runtime/rank_group.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A range of a flat buffer, in elements.
struct FlatRange {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
  /// The intersection; begin >= end when it is empty.
  FlatRange common(const FlatRange& other) const;
};

/// Sums gradients over the ranks while backward is still running: the flat buffer of all gradients
/// is divided into buckets, and each bucket is sent as soon as all its gradients are complete, to
/// the rank that owns this part of the buffer. On the other ranks its contents are lost. A leaf of
/// a narrower dtype cannot have its gradient in the buffer itself; its gradients are added there.
class GradientReduction {
 public:
  struct Leaf {
    at::Tensor tensor;
    FlatRange range;      // of its gradient in the buffer
    at::Tensor gradient;  // that range as a view in the leaf's shape; may be the leaf's own grad
  };
  /// `leaves`: in the order of the forward pass, so that backward reaches the last one first.
  /// `share`: elements of the buffer that each rank owns. `group` must outlive it.
  GradientReduction(const RankGroup& group, const at::Tensor& gradients, std::int64_t share,
                    const std::vector<Leaf>& leaves);
  ~GradientReduction();
  GradientReduction(const GradientReduction&) = delete;
  GradientReduction& operator=(const GradientReduction&) = delete;

  /// To be called before the last backward of a step.
  void begin();
  /// Waits until this rank's share has its sums. Calls begin() if that was not called.
  void finish();

 private:
  struct Bucket {
    at::Tensor numbers;
    int owner = 0;
    std::int64_t leaves = 0;   // with their gradient in it, wholly or in part
    std::int64_t missing = 0;  // of these, leaves whose gradient is not complete yet
    std::function<void()> wait;
  };
  void complete(std::size_t leaf);
  void start_ready();

  const RankGroup& group_;
  std::vector<Bucket> buckets_;                       // in the order in which they are sent
  std::vector<std::vector<std::size_t>> buckets_of_;  // of each leaf: indices into buckets_
  std::vector<at::Tensor> leaves_;                    // with the hooks
  std::vector<char> is_complete_;                     // of each leaf, in this step
  std::mutex mutex_;                                  // backward on a GPU runs in its own thread
  std::size_t started_ = 0;
  bool is_begun_ = false;
};

}  // namespace expandft
