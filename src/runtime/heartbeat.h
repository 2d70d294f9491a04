#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/Store.hpp>

namespace expandft {

/// Tells the other ranks, by a store, that this one lives, from a thread of its own; and which of
/// them do. So a broken connection can be put down to the rank that went away.
class Heartbeat {
 public:
  /// `store` must be a connection that nobody else uses.
  Heartbeat(c10::intrusive_ptr<c10d::Store> store, int rank, int count);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// Ranks that gave no sign of life while this waited, a few beats long: "rank 1 (host, process
  /// 42)". Throws what the store throws when that is gone.
  std::vector<std::string> silent_ranks();

 private:
  void beat();

  c10::intrusive_ptr<c10d::Store> store_;
  const int rank_, count_;
  std::mutex mutex_;  // of what follows, and of the store
  std::condition_variable changed_;
  bool is_ended_ = false;
  std::thread thread_;
};

}  // namespace expandft
