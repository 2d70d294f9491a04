#pragma once

#include "runtime/rank_environment.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// The processes (ranks) of a job, connected by c10d: NCCL on GPUs, Gloo on CPUs. All ranks must
/// call the same operations in the same order. The failure of an operation names the ranks that
/// ended, if that can be found out. A group of one does nothing.
class RankGroup {
 public:
  /// A single process.
  RankGroup();
  /// Connects to the other ranks and waits for them. `timeout` is for this and for each operation.
  RankGroup(const RankEnvironment& environment, at::Device device,
            std::chrono::milliseconds timeout);
  ~RankGroup();
  /// A shared group of one.
  static const RankGroup& alone();
  RankGroup(const RankGroup&) = delete;
  RankGroup& operator=(const RankGroup&) = delete;

  int rank() const { return environment_.rank; }
  int count() const { return environment_.count; }
  bool is_first() const { return rank() == 0; }
  bool is_alone() const { return count() == 1; }

  /// Replaces the tensor by its sum over the ranks, on all of them. On a GPU later kernels wait for
  /// it.
  void sum(const at::Tensor& tensor) const;
  /// Starts to sum the tensor over the ranks at `owner`; on the others its contents are lost. Call
  /// the returned function, which waits, before the tensor is used or freed.
  [[nodiscard]] std::function<void()> start_sum_at(int owner, const at::Tensor& tensor) const;
  /// Starts to fill `whole`, on all ranks, with the ranks' `own` in order. Returns as start_sum_at.
  [[nodiscard]] std::function<void()> start_gather(const at::Tensor& own,
                                                   const at::Tensor& whole) const;
  /// Copies the tensor of `owner` to all ranks.
  void share(const at::Tensor& tensor, int owner) const;
  /// The texts of all ranks, in order.
  std::vector<std::string> texts(const std::string& own) const;
  /// The text of rank 0; those of the others are ignored.
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
