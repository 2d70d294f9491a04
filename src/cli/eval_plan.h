#pragma once

#include "cli/load.h"
#include "config/run_config.h"
#include "config/task_config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What was typed after `expandft eval`.
struct EvalOptions {
  std::string config, model, base, precision = "auto";
  std::string json, examples, junit, html;  // files
  std::vector<std::string> max_drop;
  std::vector<fs::path> task_data;  // folders
  std::string cache;
  bool no_cache = false;
  std::int64_t limit = 0;  // examples of each task; 0: all
  bool written = false;    // choice tasks: the model writes the answer
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
  DropBudgets budgets;
  std::optional<fs::path> cache;  // folder
};

/// Input errors for options that do not go together, a run without a merged model, no tasks,
/// results that could not be written, and a budget for a task that is not evaluated. Reads no
/// model.
EvalPlan plan_evaluation(const EvalOptions& options);

}  // namespace expandft
