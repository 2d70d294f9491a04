#pragma once

#include "base/files.h"
#include "base/json.h"

#include <string>

namespace expandft {

/// What `inspect` says of a run directory, for people: its state, how it trains, tasks with
/// verdicts, files, warnings, and what can be done next. `facts` are run_facts'.
std::string run_page(const fs::path& directory, const Json& facts);

}  // namespace expandft
