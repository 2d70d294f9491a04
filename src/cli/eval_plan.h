#pragma once

#include "cli/options.h"
#include "config/run_config.h"
#include "config/task_config.h"
#include "run/open_model.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The options of `expandft eval`.
struct EvalOptions {
  std::string config, model, base;
  Precision precision = Precision::kAuto;
  std::string json, examples, junit, html;  // files
  std::vector<std::string> max_drop;
  std::vector<fs::path> task_data;  // folders
  MeasureOptions measure;
  bool written = false;  // choice tasks: the model writes the answer
  std::optional<std::string> adapter;
  Strength strength;
  bool original_tasks = false;
  std::vector<std::string> tasks;
};

/// What an evaluation measures.
struct EvalPlan {
  std::vector<TaskConfig> originals, news;
  std::optional<ModelSource> base;  // none: one model alone, on `news`
  ModelSource tuned;
  std::optional<Strength> strength;  // of `tuned`; none: its files do not say
  DropBudgets budgets;
  Notices notices = {};           // of the budgets, and of the run's merged model
  std::optional<fs::path> cache;  // folder
};

/// Input errors for options that do not go together, a run without a merged model, no tasks,
/// results that could not be written, and a budget for a task that is not evaluated. Reads no
/// model.
EvalPlan plan_evaluation(const EvalOptions& options);

}  // namespace expandft
