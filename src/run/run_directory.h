#pragma once

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/output_lock.h"
#include "config/run_config.h"
#include "runtime/rank_group.h"

#include <memory>
#include <string>
#include <vector>

namespace expandft {

/// The file of a run directory that says how {"auto": N} chose its layers.
inline constexpr const char* kRankingFile = "layer_ranking.json";
/// The file that says which neurons expansion.width chose.
inline constexpr const char* kNeuronsFile = "neurons.safetensors";
/// The file with the texts that the base wrote for retention.
inline constexpr const char* kSelfTextFile = "retention.safetensors";

/// What may be done about a run that the output directory holds already.
enum class ExistingRun { kRefuse, kResume, kReplace };

/// How a run begins.
enum class RunStart { kFresh, kResume, kFinished };

/// How this run begins, given what its output directory holds. A finished run is resumed where its
/// config now sets other steps, another early_stopping_patience or other weights for its outputs.
/// Input errors: the directory holds something else; it holds a run, and `existing` refuses one; no
/// snapshot is left to resume from. Changes nothing. All ranks get the first one's answer.
RunStart start_of_run(const ResolvedConfig& config, ExistingRun existing, const RankGroup& group);

/// Keeps other processes out of the run directory until it is destroyed. Null past the first rank.
std::unique_ptr<OutputLock> lock_run(const fs::path& run, const RankGroup& group);

/// Makes the run directory with config.resolved.json in it, in place of an earlier run.
void create_run_directory(const fs::path& run, const Json& resolved_config);

/// Whether a run has written this path in its directory, or a folder around it there.
bool is_file_of_run(const fs::path& path);

/// The shell command that resumes a run: "expandft train --config run.json --set … --resume".
std::string resume_command(const std::string& config_file,
                           const std::vector<std::string>& overrides = {});
/// A word quoted, where it has to be, so that a POSIX shell reads it back.
std::string shell_word(const std::string& word);

}  // namespace expandft
