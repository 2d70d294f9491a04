#pragma once

#include "base/files.h"
#include "base/json.h"

#include <string>

namespace expandft {

/// What `inspect` prints of a run directory: its state, how it trains, tasks with verdicts, files,
/// warnings, and what can be done next. `run` is inspect_run's.
std::string run_overview(const fs::path& directory, const Json& run);

}  // namespace expandft
