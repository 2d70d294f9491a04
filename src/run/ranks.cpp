#include "run/ranks.h"

#include "report/log.h"
#include "run/load.h"

namespace expandft {

void add_rank_options(CLI::App& command, RankOptions& options) {
  command
      .add_option("--rank-timeout", options.timeout,
                  "Under torchrun or srun: how long a rank waits for the others before it gives up")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

Rank::Rank(const GlobalOptions& global, const RankOptions& options)
    : environment_(rank_environment()), global_(global), options_(options) {
  global_.gpu = environment_.local_rank;
  if (environment_.rank == 0) return;
  global_.quiet = true;
  global_.is_first_rank = false;
  configure_logging(global_.log_level, global_.quiet);
}

std::unique_ptr<RankGroup> Rank::join() const {
  return std::make_unique<RankGroup>(environment_, prepare_device(global_),
                                     std::chrono::seconds(options_.timeout));
}

}  // namespace expandft
