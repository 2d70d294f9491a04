#include "runtime/rank_environment.h"

#include "base/temp_directory.h"
#include "catch.h"

#include <map>
#include <utility>
#include <vector>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using Variables = std::map<std::string, std::string>;

RankEnvironment read(const Variables& variables) {
  return rank_environment([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

const Variables kTorchrun = {{"RANK", "5"},
                             {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},
                             {"MASTER_ADDR", "10.0.0.7"},
                             {"MASTER_PORT", "29511"},
                             {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                             {"TORCHELASTIC_RUN_ID", "job"},
                             {"TORCHELASTIC_RESTART_COUNT", "2"}};
const Variables kSlurm = {{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "3"},
                          {"SLURM_LOCALID", "1"},        {"SLURM_STEP_NODELIST", "gpu[07-09,12],x"},
                          {"SLURM_JOB_ID", "31234"},     {"SLURM_STEP_ID", "2"}};

Variables with(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}

Variables without(Variables variables, const std::string& name) {
  variables.erase(name);
  return variables;
}

TEST_CASE("a process without a launcher is a single process") {
  CHECK(read({}).count == 1);
  CHECK(read({{"MASTER_ADDR", "somewhere"}}).count == 1);
  // A SLURM batch script, outside of any step.
  CHECK(read({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).count == 1);
  CHECK(read(with(kSlurm, "SLURM_STEP_NUM_TASKS", "1")).count == 1);
}

TEST_CASE("torchrun's variables say which ranks there are and where they meet") {
  const RankEnvironment found = read(kTorchrun);
  CHECK(found.rank == 5);
  CHECK(found.count == 8);
  CHECK(found.local_rank == 1);
  CHECK(found.master_address == "10.0.0.7");
  CHECK(found.master_port == 29511);
  CHECK(found.is_served);
  CHECK(found.attempt == "job.2");
  CHECK_FALSE(read(without(kTorchrun, "TORCHELASTIC_USE_AGENT_STORE")).is_served);
  CHECK(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).count == 1);
}

TEST_CASE("srun's variables say which ranks there are and where they meet") {
  const RankEnvironment found = read(kSlurm);
  CHECK(found.rank == 3);
  CHECK(found.count == 4);
  CHECK(found.local_rank == 1);
  CHECK(found.master_address == "gpu07");
  CHECK(found.master_port == 15000 + 31236 % 15000);
  CHECK_FALSE(found.is_served);
  CHECK(read(with(kSlurm, "MASTER_ADDR", "other")).master_address == "other");
  CHECK(read(with(kSlurm, "MASTER_PORT", "4000")).master_port == 4000);
  CHECK(read(with(kSlurm, "SLURM_RESTART_COUNT", "1")).attempt != found.attempt);
}

TEST_CASE("the first host of a node list") {
  CHECK(first_host("a") == "a");
  CHECK(first_host("a,b") == "a");
  CHECK(first_host("node[3,5-7]") == "node3");
  CHECK(first_host("rack[1-2]node[04-09]-ib,z[1]") == "rack1node04-ib");
  CHECK(has(error_of([] { first_host("a[1"); }).message(), "a[1"));
  CHECK(has(error_of([] { first_host("a[]"); }).message(), "a[]"));
}

TEST_CASE("an incomplete or invalid environment is an error that names the variable") {
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}) {
    const Error error = error_of([&] { read(without(kTorchrun, name)); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(error.where() == name);
    CHECK(has(error.message(), "missing"));
    CHECK(has(error.hint(), "torchrun"));
  }
  for (const char* name : {"SLURM_LOCALID", "SLURM_STEP_NODELIST", "SLURM_JOB_ID"}) {
    const Error error = error_of([&] { read(without(kSlurm, name)); });
    CHECK(error.where() == name);
    CHECK(has(error.hint(), "srun"));
  }
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"RANK", "8"},       {"RANK", "-1"},       {"WORLD_SIZE", "0"},      {"WORLD_SIZE", "many"},
      {"LOCAL_RANK", "8"}, {"MASTER_PORT", "0"}, {"MASTER_PORT", "65536"}, {"MASTER_PORT", "1x"}};
  for (const auto& [name, value] : wrong) {
    const Error error = error_of([&] { read(with(kTorchrun, name, value)); });
    CAPTURE(name, value);
    CHECK(error.where() == name);
    CHECK(has(error.message(), "\"" + value + "\""));
  }
}

}  // namespace
}  // namespace expandft
