#pragma once

#include "runtime/rank_environment.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// The processes (ranks) that work on one job together, over c10d: NCCL on GPUs, Gloo on CPUs. All
/// call the same operations in the same order. A failure in any of them names the ranks that are
/// gone, where it can be told. A group of one does nothing.
class RankGroup {
 public:
  /// A single process.
  RankGroup();
  /// Meets the other ranks, and waits for them; `timeout` holds for this and for each operation.
  RankGroup(const RankEnvironment& environment, at::Device device,
            std::chrono::milliseconds timeout);
  ~RankGroup();
  /// A group of one, for those that need no more.
  static const RankGroup& alone();
  RankGroup(const RankGroup&) = delete;
  RankGroup& operator=(const RankGroup&) = delete;

  int rank() const { return environment_.rank; }
  int count() const { return environment_.count; }
  bool is_first() const { return rank() == 0; }
  bool is_alone() const { return count() == 1; }

  /// The sum over the ranks takes the tensor's place on all. On a GPU later kernels wait for it.
  void sum(const at::Tensor& tensor) const;
  /// The same at `owner` alone, and not at once; the others' tensors are lost. What is returned is
  /// to be called before the tensor is used or freed.
  [[nodiscard]] std::function<void()> start_sum_at(int owner, const at::Tensor& tensor) const;
  /// The ranks' `own`, in their order, fill `whole` on all, but not at once: as start_sum_at.
  [[nodiscard]] std::function<void()> start_gather(const at::Tensor& own,
                                                   const at::Tensor& whole) const;
  /// The tensor of `owner` takes the tensor's place on all.
  void share(const at::Tensor& tensor, int owner) const;
  /// What each rank gave, in their order.
  std::vector<std::string> texts(const std::string& own) const;
  /// What rank 0 gave; the others' is not looked at.
  std::string text_of_first(const std::string& own) const;
  bool answer_of_first(bool own) const { return text_of_first(own ? "yes" : "no") == "yes"; }

 private:
  struct Connection;
  template <typename Call>
  void run(Call call) const;
  template <typename Call>
  std::function<void()> start(Call call) const;

  RankEnvironment environment_;
  at::Device device_ = at::kCPU;
  std::unique_ptr<Connection> connection_;  // none in a group of one
};

}  // namespace expandft
