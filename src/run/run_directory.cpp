#include "run/run_directory.h"

#include "base/error.h"
#include "checkpoint/atomic_directory.h"
#include "config/unknown_keys.h"
#include "report/summary.h"

#include <system_error>

namespace expandft {
namespace {

bool is_empty_folder(const fs::path& path) {
  std::error_code error;
  return is_folder(path) && fs::is_empty(path, error) && !error;
}

}  // namespace

RunStart plan_start(const fs::path& run, bool resume, bool restart) {
  if (!is_there(run) || is_empty_folder(run)) {
    if (const auto other = run_around(run)) {
      throw input_error("the output lies in another run: " + other->string(), run.string(),
                        "choose an \"output\" outside of every run");
    }
    return RunStart::kFresh;
  }
  if (!is_ours(run, OutputKind::kRun)) {
    throw input_error("the output is there already, and is no run of expandft's", run.string(),
                      "choose another \"output\", or move this away");
  }
  if (restart) return RunStart::kFresh;
  const bool finished = is_there(run / "summary.json");
  if (resume) return finished ? RunStart::kFinished : RunStart::kResume;
  throw input_error(
      std::string("there is ") + (finished ? "a finished" : "an unfinished") + " run already",
      run.string(),
      finished ? "--restart replaces it; or choose another \"output\""
               : "--resume continues it, --restart replaces it");
}

bool is_to_go_on(const fs::path& run, const Json& resolved_config) {
  const fs::path file = run / "config.resolved.json";
  if (!is_file(file)) return false;
  const Json before = with_present_keys(read_json(file));
  for (const char* key : {"epochs", "max_steps", "early_stopping_patience", "output_checkpoint"}) {
    const Json::json_pointer place = Json::json_pointer("/training") / key;
    if (before.contains(place) && before.at(place) != resolved_config.at(place)) return true;
  }
  return false;
}

bool is_file_of_run(const fs::path& path) {
  const auto run = run_around(path);
  if (!run) return false;
  std::error_code error;
  const fs::path inside = fs::weakly_canonical(path, error).lexically_relative(*run);
  for (const char* const own :
       {"adapter", "merged", "checkpoints", ".expandft", "config.resolved.json", "metrics.jsonl",
        "summary.json", "report.html", kRankingFile, kSelfTextFile, "diverged.json"}) {
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

}  // namespace expandft
