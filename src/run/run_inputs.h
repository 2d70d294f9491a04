#pragma once

#include "config/run_config.h"

#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// Checks that the model, the data and the tasks exist, that the output can be a folder, and that
/// budgets can be exceeded. One input error lists all problems; its `where` is the JSON path.
void check_run_inputs(const RunConfig& run);

/// The same problems one by one: a JSON path, and what is wrong there.
std::vector<std::pair<std::string, std::string>> run_input_problems(const RunConfig& run);

/// The hint for a path that does not exist.
inline constexpr const char* kPathHint =
    "paths in a config are relative to its file, those of --set to the working folder";

}  // namespace expandft
