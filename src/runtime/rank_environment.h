#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace expandft {

/// What a launcher tells a process about the processes (ranks) of its job.
struct RankEnvironment {
  int rank = 0, count = 1;
  int local_rank = 0;          // among the ranks on this machine
  std::string master_address;  // where the ranks meet; empty for a single process
  std::uint16_t master_port = 0;
  bool is_served = false;  // whether the launcher listens there; if not, rank 0 must
  std::string attempt;     // different for each start of the job
};

/// Reads an environment variable; nothing when it is not set.
using GetVariable = std::function<std::optional<std::string>(const char* name)>;

/// The environment of torchrun, or of SLURM when srun started several tasks, or else of a single
/// process. Input error that names the variable when one is missing or invalid.
RankEnvironment rank_environment(const GetVariable& get);
/// The environment of this process.
RankEnvironment rank_environment();

/// The first host of a SLURM node list: "gpu[07-09,12],x" -> "gpu07".
std::string first_host(const std::string& node_list);

}  // namespace expandft
