#pragma once

#include "config/run_config.h"

#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// What check_run_inputs would throw, one by one: a JSON path, and what is wrong there. Budgets
/// that cannot be exceeded are among it.
std::vector<std::pair<std::string, std::string>> run_input_problems(const RunConfig& run);

/// The hint for those.
inline constexpr const char* kPathHint =
    "paths in a config are relative to its file, those of --set to the working folder";

}  // namespace expandft
