#pragma once

#include "base/error.h"
#include "base/files.h"
#include "base/notice.h"

#include <string>
#include <vector>

namespace expandft {

/// What is wrong with a run config, and what may be.
struct ConfigFindings {
  Problems problems;
  Notices notices;
};

/// Checks a run config as train_run does before it loads weights: keys and values, that files
/// exist, the model's shape, all rows of the data and of the tasks, budgets. Later checks are made
/// as far as earlier ones allow. `skip_data`: rows are not read.
ConfigFindings validate_config(const fs::path& file, const std::vector<std::string>& overrides,
                               bool skip_data);

}  // namespace expandft
