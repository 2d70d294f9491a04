#include "run/process_options.h"

#include "runtime/device.h"
#include "runtime/process.h"

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>

namespace expandft {

void set_threads(const ProcessOptions& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
}

at::Device prepare_device(const ProcessOptions& options) {
  keep_freed_memory();
  set_threads(options);
  return select_device(options.device, options.gpu);
}

void report_notices(const Notices& notices, const ProcessOptions& options) {
  if (notices.empty()) return;
  if (options.strict) throw strict_error(notices);
  if (!options.is_first_rank) return;
  for (const std::string& text : notice_texts(notices)) spdlog::warn("{}", text);
}

ProcessOptions options_of_rank(ProcessOptions options, const RankEnvironment& rank) {
  options.gpu = rank.local_rank;
  if (rank.rank == 0) return options;
  options.quiet = true;
  options.is_first_rank = false;
  return options;
}

std::unique_ptr<RankGroup> join_ranks(const RankEnvironment& rank, const ProcessOptions& options,
                                      std::chrono::seconds timeout) {
  return std::make_unique<RankGroup>(rank, prepare_device(options), timeout);
}

}  // namespace expandft
