#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace expandft {

/// Runs pieces of work on several threads, including the caller's, and hands over their results in
/// the order in which the pieces were added. The number of unfinished pieces is bounded, and so is
/// the memory of their results.
template <typename Result>
class OrderedWork {
 public:
  /// `take` gets each result, on the caller's thread. With one thread each piece runs at once.
  OrderedWork(int threads, std::function<void(Result)> take)
      : most_helpers_(static_cast<std::size_t>(std::clamp(threads, 1, kMostThreads)) - 1),
        take_(std::move(take)) {}
  /// Drops pieces that have not started, and waits for the others.
  ~OrderedWork() {
    {
      const std::scoped_lock lock(mutex_);
      waiting_.clear();
      is_ended_ = true;
    }
    changed_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
  }
  OrderedWork(const OrderedWork&) = delete;
  OrderedWork& operator=(const OrderedWork&) = delete;

  /// Rethrows, as finish() does, the exception of the first piece that threw; from then on no
  /// result is taken.
  void add(std::function<Result()> work) {
    if (has_failed_) return;
    Task task(std::move(work));
    results_.push_back(task.get_future());
    {
      const std::scoped_lock lock(mutex_);
      waiting_.push_back(std::move(task));
    }
    changed_.notify_one();
    if (helpers_.size() < std::min(most_helpers_, results_.size() - 1)) {
      helpers_.emplace_back([this] { help(); });
    }
    while (results_.size() > 4 * most_helpers_) take_first();
  }

  /// Takes all remaining results.
  void finish() {
    while (!results_.empty()) take_first();
  }

  /// Calls `supply`, which adds pieces, and finishes. An exception of `supply` is rethrown after
  /// all pieces that it added are done, unless one of them threw.
  void finish_after(const std::function<void()>& supply) {
    try {
      supply();
    } catch (...) {
      finish();
      throw;
    }
    finish();
  }

 private:
  using Task = std::packaged_task<Result()>;
  static constexpr int kMostThreads = 16;  // more would wait for the thread that adds the work

  void take_first() {
    std::future<Result> first = std::move(results_.front());
    results_.pop_front();
    while (first.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      std::unique_lock lock(mutex_);
      if (waiting_.empty()) break;  // a helper runs it
      Task task = next();
      lock.unlock();
      task();
    }
    try {
      take_(first.get());
    } catch (...) {
      has_failed_ = true;
      results_.clear();
      const std::scoped_lock lock(mutex_);
      waiting_.clear();
      throw;
    }
  }

  void help() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return is_ended_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      Task task = next();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  Task next() {
    Task task = std::move(waiting_.front());
    waiting_.pop_front();
    return task;
  }

  const std::size_t most_helpers_;  // threads besides the caller's
  std::function<void(Result)> take_;
  std::deque<std::future<Result>> results_;  // not taken yet
  bool has_failed_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> waiting_;  // not started yet
  bool is_ended_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace expandft
