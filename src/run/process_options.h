#pragma once

#include "base/notice.h"
#include "runtime/rank_group.h"

#include <chrono>
#include <memory>
#include <string>

#include <ATen/ATen.h>

namespace expandft {

/// Where a process computes, and how much it reports. The same for all that it does.
struct ProcessOptions {
  std::string device = "auto";  // auto, cpu, cuda, cuda:N
  int gpu = 0;                  // the one that "auto" and "cuda" choose: each local rank its own
  int threads = 0;              // of the CPU; 0: as LibTorch chooses, one per core
  bool quiet = false;           // no progress lines
  bool strict = false;          // notices are errors
  bool is_first_rank = true;    // only the first rank logs notices
};

/// Sets the number of CPU threads.
void set_threads(const ProcessOptions& options);

/// Sets the number of CPU threads and returns the device. Input error for a device that cannot be
/// used.
at::Device prepare_device(const ProcessOptions& options);

/// Logs each notice as a warning, on the first rank only. With `strict`, throws strict_error where
/// there are any.
void report_notices(const Notices& notices, const ProcessOptions& options);

/// The same options for one rank of a job: its own GPU, and past the first rank no progress lines
/// and no notices.
ProcessOptions options_of_rank(ProcessOptions options, const RankEnvironment& rank);

/// Waits for the other ranks of the job, at most `timeout`, which holds for each later operation
/// too. A single process is a group of one.
std::unique_ptr<RankGroup> join_ranks(const RankEnvironment& rank, const ProcessOptions& options,
                                      std::chrono::seconds timeout);

}  // namespace expandft
