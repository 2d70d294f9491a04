#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <ATen/Parallel.h>

namespace expandft {

/// Calls visit(task) for each of `tasks`, over the threads: whoever is done takes the next, so that
/// a thread which is slower, or interrupted, holds up nobody. Tasks must not depend on each other.
template <typename Visit>
void for_each_task(std::int64_t tasks, Visit visit) {
  std::atomic<std::int64_t> next = 0;
  const std::int64_t workers = std::min<std::int64_t>(tasks, at::get_num_threads());
  at::parallel_for(0, workers, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t worker = first; worker < last; ++worker) {
      for (std::int64_t task = next++; task < tasks; task = next++) visit(task);
    }
  });
}

}  // namespace expandft
