#include "run/run_directory.h"

#include "base/error.h"
#include "checkpoint/atomic_directory.h"
#include "config/unknown_keys.h"
#include "report/json_values.h"
#include "training/snapshot.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <system_error>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

bool is_empty_folder(const fs::path& path) {
  std::error_code error;
  return is_folder(path) && fs::is_empty(path, error) && !error;
}

RunStart start_in(const fs::path& run, ExistingRun existing) {
  if (!is_there(run) || is_empty_folder(run)) {
    if (const auto other = run_around(run)) {
      throw input_error("the output is inside another run: " + other->string(), run.string(),
                        "choose an \"output\" outside of every run");
    }
    return RunStart::kFresh;
  }
  if (!is_ours(run, OutputKind::kRun)) {
    throw input_error("the output exists already, and is not a run of expandft's", run.string(),
                      "choose another \"output\", or move this away");
  }
  if (existing == ExistingRun::kReplace) return RunStart::kFresh;
  const bool finished = is_there(run / "summary.json");
  if (existing == ExistingRun::kResume) return finished ? RunStart::kFinished : RunStart::kResume;
  throw input_error(
      std::string("there is ") + (finished ? "a finished" : "an unfinished") + " run already",
      run.string(),
      finished ? "--restart replaces it; or choose another \"output\""
               : "--resume continues it, --restart replaces it");
}

/// Whether a finished run has more to do under this config than under the one it finished with.
bool has_more_to_do(const fs::path& run, const Json& resolved_config) {
  const fs::path file = run / "config.resolved.json";
  if (!is_file(file)) return false;
  const Json before = with_present_keys(read_json(file));
  for (const char* key : {"epochs", "max_steps", "early_stopping_patience", "output_checkpoint"}) {
    const Json::json_pointer place = Json::json_pointer("/training") / key;
    if (before.contains(place) && before.at(place) != resolved_config.at(place)) return true;
  }
  return false;
}

RunStart start_of_first(const ResolvedConfig& config, ExistingRun existing) {
  const fs::path& run = config.run.output;
  const RunStart start = start_in(run, existing);
  if (start == RunStart::kFresh) return start;
  const bool has_snapshots = !snapshot_folders(run).empty();
  if (start == RunStart::kFinished) {
    if (!has_more_to_do(run, config.resolved)) return start;
    if (has_snapshots) return RunStart::kResume;
    throw input_error(
        "the run is finished, its config now asks for more, and no snapshot is left to continue "
        "from",
        run.string(),
        "start again with --restart; with training.checkpoint_every set, a finished run keeps "
        "snapshots");
  }
  if (!has_snapshots) spdlog::info("no snapshot yet: starting from the beginning");
  return has_snapshots ? RunStart::kResume : RunStart::kFresh;
}

}  // namespace

RunStart start_of_run(const ResolvedConfig& config, ExistingRun existing, const RankGroup& group) {
  const RunStart start = group.is_first() ? start_of_first(config, existing) : RunStart::kFresh;
  return static_cast<RunStart>(
      std::stoi(group.text_of_first(std::to_string(static_cast<int>(start)))));
}

std::unique_ptr<OutputLock> lock_run(const fs::path& run, const RankGroup& group) {
  if (!group.is_first()) return {};
  auto lock = std::make_unique<OutputLock>(run);
  if (lock->dead_holder()) {
    spdlog::info("{} was writing here, and is gone", *lock->dead_holder());
  }
  return lock;
}

bool is_file_of_run(const fs::path& path) {
  const auto run = run_around(path);
  if (!run) return false;
  std::error_code error;
  const fs::path inside = fs::weakly_canonical(path, error).lexically_relative(*run);
  for (const char* const own :
       {"adapter", "merged", "merged.gguf", "checkpoints", ".expandft", "config.resolved.json",
        "metrics.jsonl", "summary.json", "report.html", kRankingFile, kNeuronsFile, kSelfTextFile,
        "diverged.json"}) {
    if (*inside.begin() == own) return true;
  }
  return false;
}

void create_run_directory(const fs::path& run, const Json& resolved_config) {
  constexpr std::uint64_t kSmall = 1 << 20;
  AtomicDirectory directory(run, kSmall, AtomicDirectory::Existing::kReplaceOurs, OutputKind::kRun);
  write_json(directory.path() / "config.resolved.json", resolved_config);
  directory.commit();
}

std::string resume_command(const std::string& config_file,
                           const std::vector<std::string>& overrides) {
  std::string command = "expandft train --config " + shell_word(config_file);
  for (const std::string& set : overrides) command += " --set " + shell_word(set);
  return command + " --resume";
}

std::string shell_word(const std::string& word) {
  const bool is_plain = std::ranges::all_of(word, [](unsigned char c) {
    return c < 128 && (std::isalnum(c) != 0 || std::strchr("_@%+=:,./-", c) != nullptr);
  });
  if (is_plain && !word.empty()) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace expandft
