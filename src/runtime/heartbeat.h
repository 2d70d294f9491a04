#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/Store.hpp>

namespace expandft {

/// Shows the other ranks, through a store, that this one is alive, from its own thread, and finds
/// out which of them are. So the error of a broken connection can name the rank that ended.
class Heartbeat {
 public:
  /// `store` must be a connection that nothing else uses.
  Heartbeat(c10::intrusive_ptr<c10d::Store> store, int rank, int count);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// The ranks without a beat during a wait of several beats: "rank 1 (host, process 42)". Throws
  /// the store's exception when the store is gone.
  std::vector<std::string> silent_ranks();

 private:
  void beat();

  c10::intrusive_ptr<c10d::Store> store_;
  const int rank_, count_;
  std::mutex mutex_;  // of store_ and is_ended_
  std::condition_variable changed_;
  bool is_ended_ = false;
  std::thread thread_;
};

}  // namespace expandft
