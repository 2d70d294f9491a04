#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace expandft {

/// What a launcher tells a process of its place among the processes (ranks) of a job.
struct RankEnvironment {
  int rank = 0, count = 1;
  int local_rank = 0;          // among those on this machine
  std::string master_address;  // where the ranks find each other; empty for a single process
  std::uint16_t master_port = 0;
  bool is_served = false;  // by the launcher; else rank 0 is to listen there
  std::string attempt;     // differs from one start of a job to its next
};

/// Reads an environment variable; nothing when it is not set.
using GetVariable = std::function<std::optional<std::string>(const char* name)>;

/// Of torchrun's variables, or SLURM's when srun started more than one task; a single process
/// without. Input error when they are incomplete or make no sense: it names the variable.
RankEnvironment rank_environment(const GetVariable& get);
/// Of this process.
RankEnvironment rank_environment();

/// The first host of a SLURM node list: "gpu[07-09,12],x" -> "gpu07".
std::string first_host(const std::string& node_list);

}  // namespace expandft
