#include "runtime/rank_environment.h"

#include "base/error.h"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <vector>

namespace expandft {
namespace {

constexpr const char* kTorchrunHint =
    "start with torchrun --no-python --nproc-per-node N expandft ..., which sets it; or unset RANK "
    "and WORLD_SIZE for a single process";
constexpr const char* kSlurmHint = "start with srun expandft ..., which sets it";

/// Reads the variables of one launcher.
class Variables {
 public:
  Variables(const GetVariable& get, const char* hint) : get_(get), hint_(hint) {}

  std::string text(const char* name) const {
    if (auto value = get_(name); value && !value->empty()) return *value;
    throw input_error(
        "the environment variable is missing, and others say that this process is "
        "one of several",
        name, hint_);
  }

  int number(const char* name, int least, int most) const {
    const std::string value = text(name);
    int found = 0;
    const char* const end = value.data() + value.size();
    const auto [last, error] = std::from_chars(value.data(), end, found);
    if (error == std::errc() && last == end && least <= found && found <= most) return found;
    throw input_error("found \"" + value + "\", expected a whole number from " +
                          std::to_string(least) + " to " + std::to_string(most),
                      name, hint_);
  }

 private:
  const GetVariable& get_;
  const char* hint_;
};

constexpr int kMostRanks = std::numeric_limits<int>::max();
constexpr int kMostPort = 65535;

RankEnvironment of_torchrun(const GetVariable& get) {
  const Variables variables(get, kTorchrunHint);
  RankEnvironment found;
  found.count = variables.number("WORLD_SIZE", 1, kMostRanks);
  found.rank = variables.number("RANK", 0, found.count - 1);
  if (found.count == 1) return found;
  found.local_rank = variables.number("LOCAL_RANK", 0, found.count - 1);
  found.master_address = variables.text("MASTER_ADDR");
  found.master_port = static_cast<std::uint16_t>(variables.number("MASTER_PORT", 1, kMostPort));
  found.is_served = get("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  found.attempt = get("TORCHELASTIC_RUN_ID").value_or("") + "." +
                  get("TORCHELASTIC_RESTART_COUNT").value_or("0");
  return found;
}

RankEnvironment of_slurm(const GetVariable& get) {
  const Variables variables(get, kSlurmHint);
  RankEnvironment found;
  found.count = variables.number("SLURM_STEP_NUM_TASKS", 1, kMostRanks);
  found.rank = variables.number("SLURM_PROCID", 0, found.count - 1);
  found.local_rank = variables.number("SLURM_LOCALID", 0, found.count - 1);
  const auto address = get("MASTER_ADDR");
  found.master_address = address ? *address : first_host(variables.text("SLURM_STEP_NODELIST"));
  const int job = variables.number("SLURM_JOB_ID", 0, kMostRanks);
  const int step = variables.number("SLURM_STEP_ID", 0, kMostRanks);
  if (get("MASTER_PORT")) {
    found.master_port = static_cast<std::uint16_t>(variables.number("MASTER_PORT", 1, kMostPort));
  } else {
    // A port that all ranks can compute, and that two jobs on a machine rarely share.
    found.master_port = static_cast<std::uint16_t>(15000 + (job + step) % 15000);
  }
  found.attempt = std::to_string(job) + "." + std::to_string(step) + "." +
                  get("SLURM_RESTART_COUNT").value_or("0");
  return found;
}

}  // namespace

std::string first_host(const std::string& node_list) {
  std::string host;
  for (std::size_t i = 0; i < node_list.size() && node_list[i] != ','; ++i) {
    if (node_list[i] != '[') {
      host += node_list[i];
      continue;
    }
    const std::size_t close = node_list.find(']', i);
    const std::size_t end = node_list.find_first_of("-,]", i);
    if (close == node_list.npos || end == i + 1) {
      throw input_error("\"" + node_list + "\" is not a list of hosts", "SLURM_STEP_NODELIST",
                        "set MASTER_ADDR to the host of rank 0");
    }
    host += node_list.substr(i + 1, end - i - 1);
    i = close;
  }
  return host;
}

RankEnvironment rank_environment(const GetVariable& get) {
  if (get("RANK") || get("WORLD_SIZE")) return of_torchrun(get);
  // A batch script itself has SLURM_PROCID too, but several processes exist only in a step.
  const auto tasks = get("SLURM_STEP_NUM_TASKS");
  if (get("SLURM_PROCID") && tasks && *tasks != "1") return of_slurm(get);
  return {};
}

RankEnvironment rank_environment() {
  return rank_environment([](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace expandft
