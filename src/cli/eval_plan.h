#pragma once

#include "cli/load.h"
#include "config/run_config.h"
#include "config/task_config.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What was typed after `expandft eval`.
struct EvalOptions {
  std::string config, model, base, json, max_drop, precision = "auto";
  std::optional<std::string> adapter;
  Strength strength;
  bool original_tasks = false;
  std::vector<std::string> tasks;
};

/// What is to be done.
struct EvalPlan {
  std::vector<TaskConfig> originals, news;
  std::optional<ModelOptions> base;  // none: one model alone, on `news`
  ModelOptions tuned;
  std::optional<DropBudget> budget;
};

/// Input errors for options that do not go together, a run without a merged model, no tasks, and
/// results that could not be written. Reads no model.
EvalPlan plan_evaluation(const EvalOptions& options);

}  // namespace expandft
