#pragma once

#include "base/files.h"
#include "base/json.h"

namespace expandft {

/// The file of a run directory that says how {"auto": N} chose its layers.
inline constexpr const char* kRankingFile = "layer_ranking.json";
/// … and the one with the texts that the base wrote, for retention.
inline constexpr const char* kSelfTextFile = "retention.safetensors";

/// How a run begins, given what lies in its output directory and what was asked for.
enum class RunStart { kFresh, kResume, kFinished };

/// Input errors: the directory holds something that is not a run of ours; a run that is there
/// already, when neither --resume nor --restart was given. Changes nothing.
RunStart plan_start(const fs::path& run, bool resume, bool restart);

/// Whether a finished run has more to do under this config: other steps, patience, or other weights
/// for its outputs than config.resolved.json tells.
bool is_to_go_on(const fs::path& run, const Json& resolved_config);

/// Whether a path is that of something that a run has written in its directory, or lies in it.
bool is_file_of_run(const fs::path& path);

/// Makes the run directory with config.resolved.json in it, in place of an earlier run.
void create_run_directory(const fs::path& run, const Json& resolved_config);

}  // namespace expandft
