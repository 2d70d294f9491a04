#include "kernels/cpu_dispatch.h"

#include "catch.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>

namespace expandft {
namespace {

// at::parallel_for compiled without OpenMP is a loop of one thread, in silence.
TEST_CASE("tasks run on several threads at once") {
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  std::atomic<int> arrived = 0, met = 0;
  for_each_task(2, [&](std::int64_t) {
    // Waits for the other task, which a loop of one thread would begin only after this one.
    ++arrived;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (arrived < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    if (arrived == 2) ++met;
  });
  at::set_num_threads(threads);
  CHECK(met == 2);
}

TEST_CASE("each task runs once, for any number of threads") {
  const int threads = at::get_num_threads();
  for (const int count : {1, 2, 5}) {
    at::set_num_threads(count);
    std::vector<std::atomic<int>> calls(100);
    for_each_task(100, [&](std::int64_t task) { ++calls[static_cast<std::size_t>(task)]; });
    for (const std::atomic<int>& call : calls) CHECK(call == 1);
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace expandft
