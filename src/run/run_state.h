#pragma once

#include "base/files.h"
#include "base/json.h"

#include <vector>

namespace expandft {

/// How far the run in a directory came, from what lies there: {"state", "step", "total_steps",
/// "process", "diverged", "continue"}. The state is "finished", "running" (a process holds the run;
/// "process" names it), "diverged", "interrupted" (by a signal, and saved), "trained" (all steps
/// are done, the outputs are not all there) or "ended" (without a word). `events` are
/// metrics.jsonl's.
Json run_state(const fs::path& directory, const std::vector<Json>& events);

/// Base against tuned on the run's tasks: [{"task", "original", "metric", "base", "tuned",
/// "verdict"}], of summary.json, or, as long as there is none, of the newest evaluation against the
/// first. Original tasks have eval's verdict; of new ones it is "learned", "same" or "worse".
Json run_tasks(const Json& summary, const std::vector<Json>& events);

/// [{"name", "bytes", "what"}]: what lies in a run directory, and what each is for.
Json run_files(const fs::path& directory);

}  // namespace expandft
