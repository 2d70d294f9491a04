#pragma once

#include "base/files.h"
#include "base/json.h"

namespace expandft {

/// What a run directory holds, as JSON, whether the run is finished or not:
/// - "kind": "run"; "status": "finished" or "unfinished"
/// - "state": "finished", "running" (a process holds the run; "process" names it), "diverged",
///   "interrupted" (by a signal, and saved), "trained" (all steps are done, some outputs are
///   missing) or "ended" (the process is gone and left no reason)
/// - "step", "total_steps", "diverged" (diverged.json), "continue" (the command that resumes it)
/// - "model", "expansion", "method", "strength": of the config
/// - "last": the last event of each kind in metrics.jsonl; "checkpoints": their names
/// - "adapter", "merged": whether they exist; "summary", "warnings": of summary.json
/// - "tasks": [{"task", "original", "metric", "base", "tuned", "verdict"}] from summary.json, or
///   before there is one from the newest evaluation against the first. Original tasks have eval's
///   verdict; new ones "learned", "same" or "worse".
/// - "files": [{"name", "bytes", "what"}]
Json inspect_run(const fs::path& directory);

}  // namespace expandft
