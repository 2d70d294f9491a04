#include "cli/eval_plan.h"

#include "checkpoint/model_info.h"
#include "config/budget_check.h"
#include "config/task_search.h"
#include "run/run_directory.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

namespace expandft {
namespace {

/// The options that name a file to write, and the file.
std::vector<std::pair<std::string, std::string>> outputs_of(const EvalOptions& options) {
  std::vector<std::pair<std::string, std::string>> outputs;
  for (const auto& [option, file] : {std::pair("--json", options.json),
                                     {"--examples", options.examples},
                                     {"--junit", options.junit},
                                     {"--html", options.html}}) {
    if (!file.empty() && !(file == "-" && option == std::string_view("--json"))) {
      outputs.emplace_back(option, file);
    }
  }
  return outputs;
}

/// What would keep a result from being written, found before it is computed.
void check_targets(const EvalOptions& options) {
  std::map<fs::path, std::string> taken;
  for (const auto& [option, file] : outputs_of(options)) {
    if (file == "-") {
      throw input_error("\"-\" is stdout, where only --json can go", option, "name a file");
    }
    const std::string where = option + " " + file;
    if (is_folder(file)) throw input_error("found a directory, expected a file", where);
    if (!is_folder(parent_of(file))) {
      throw input_error("no such folder: " + parent_of(file).string(), where);
    }
    std::error_code error;
    const auto [other, is_new] = taken.emplace(fs::weakly_canonical(file, error), option);
    if (!is_new) throw input_error(other->second + " writes the same file", where, "name another");
  }
}

/// What is read is never overwritten, nor what a run has written.
void check_apart_from_inputs(const EvalOptions& options, const EvalPlan& plan) {
  std::vector<fs::path> folders{plan.tuned.model}, files;
  if (plan.tuned.adapter) folders.emplace_back(*plan.tuned.adapter);
  if (plan.base) folders.emplace_back(plan.base->model);
  if (!options.config.empty()) files.emplace_back(options.config);
  for (const auto* tasks : {&plan.originals, &plan.news}) {
    for (const TaskConfig& task : *tasks) {
      files.push_back(task.file);
      files.push_back(task.data);
      if (task.fewshot.count > 0) files.push_back(task.fewshot.data);
    }
  }
  for (const auto& [option, file] : outputs_of(options)) {
    const auto refuse = [&, where = option + " " + file](const std::string& what) {
      throw input_error(what, where, "choose another file");
    };
    for (const fs::path& folder : folders) {
      if (contains(folder, file))
        refuse("the file would be inside the input " + folder.string() +
               ", which is never changed");
    }
    for (const fs::path& input : files) {
      if (contains(input, file)) refuse("the file is an input, which would be overwritten");
    }
    if (is_file_of_run(file)) refuse("the file is the run's own, which would be overwritten");
  }
}

/// Results that compare two models.
void require_base(const EvalOptions& options) {
  const auto require = [](bool asked, const std::string& option) {
    if (!asked) return;
    throw input_error(option + " compares with a base model, and none is given", "expandft eval",
                      "give --base DIR or --config FILE");
  };
  require(!options.max_drop.empty(), "--max-drop");
  require(!options.junit.empty(), "--junit");
  require(!options.html.empty(), "--html");
}

/// Of the command line, or else of the run.
void set_budgets(const EvalOptions& options, const RunConfig* run, EvalPlan& plan) {
  const bool given = !options.max_drop.empty();
  const std::string where = given ? "--max-drop" : options.config + ": evaluation.max_drop";
  if (given) {
    plan.budgets = read_budgets(options.max_drop, plan.originals);
  } else if (run != nullptr) {
    plan.budgets = run->evaluation.max_drop;
    check_budgets(plan.budgets, plan.originals, where);
  }
  plan.notices = budget_notices(plan.budgets, plan.originals, where);
}

/// What the command line says of all tasks.
void adjust(std::vector<TaskConfig>& tasks, const EvalOptions& options) {
  apply_limit(options.measure, tasks);
  for (TaskConfig& task : tasks) {
    if (options.written && task.type == TaskType::kChoice) task.written = true;
  }
}

/// A run's merged model may be older than what its config says now.
void check_strength(const RunConfig& run, EvalPlan& plan) {
  if (!plan.strength || *plan.strength == run.strength) return;
  plan.notices.push_back({.what = "the merged model was made at strength " + plan.strength->text() +
                                  ", and the config says " + run.strength.text() +
                                  " now: the merged model is measured",
                          .where = plan.tuned.model,
                          .hint = "--adapter " + (run.output / "adapter").string() +
                                  " --strength " + run.strength.text() + " measures the other"});
}

/// The merged model of a run, or an input error that says how to get one.
std::string merged_model(const RunConfig& run) {
  const fs::path merged = run.output / "merged";
  if (const fs::path file = run.output / "merged.gguf"; is_file(file)) {
    throw input_error("the run's merged model is a GGUF file, expected a directory", file.string(),
                      "name the model with --adapter " + (run.output / "adapter").string() +
                          ", or import the file: expandft import " + file.string() +
                          " --output DIR, and --model DIR");
  }
  if (!is_folder(merged)) {
    throw input_error("the run has no merged model yet", merged.string(),
                      "run expandft train --config " + run.file.string() +
                          ", or name another model with --model or --adapter");
  }
  return merged.string();
}

}  // namespace

EvalPlan plan_evaluation(const EvalOptions& options) {
  check_targets(options);
  EvalPlan plan;
  std::optional<RunConfig> run;
  if (!options.config.empty()) run = load_run_config(options.config).run;
  const fs::path beside = run ? run->file.parent_path() : fs::path(".");

  std::string base = options.base;
  if (base.empty() && run) base = run->model.string();
  plan.tuned = {.model = options.model,
                .adapter = options.adapter,
                .strength = options.strength,
                .precision = options.precision};
  if (plan.tuned.model.empty() && options.adapter) plan.tuned.model = base;
  const bool is_of_run = plan.tuned.model.empty() && run;
  if (is_of_run) plan.tuned.model = merged_model(*run);
  if (plan.tuned.model.empty()) {
    throw input_error("no model to evaluate", "expandft eval", "give --model DIR or --config FILE");
  }
  plan.strength = options.adapter ? options.strength : written_strength(plan.tuned.model);
  if (!base.empty()) plan.base = ModelSource{.model = base, .precision = options.precision};

  const bool use_config_tasks = options.tasks.empty() && run.has_value();
  std::vector<fs::path> data = options.task_data;
  if (run) {
    data.insert(data.end(), run->evaluation.task_data.begin(), run->evaluation.task_data.end());
  }
  const std::vector<TaskConfig> named = find_tasks(
      use_config_tasks ? run->evaluation.original_tasks : named_tasks(options.tasks), beside, data);
  (plan.base ? plan.originals : plan.news) = named;
  if (use_config_tasks) plan.news = find_tasks(run->evaluation.tasks, beside, data);
  if (plan.originals.empty() && (options.original_tasks || plan.news.empty())) {
    if (!plan.base && options.original_tasks) {
      throw input_error("--original-tasks compares with a base model, and none is given",
                        "expandft eval", "give --config FILE, or --base DIR");
    }
    throw input_error(
        options.original_tasks ? "no original tasks to evaluate" : "no tasks to evaluate",
        run ? options.config + ": evaluation" : "expandft eval",
        "name some with --tasks; `expandft tasks` lists them");
  }

  if (!plan.base) require_base(options);
  if (plan.base) set_budgets(options, run ? &*run : nullptr, plan);
  adjust(plan.originals, options);
  adjust(plan.news, options);
  plan.cache = cache_folder(options.measure);
  if (is_of_run) check_strength(*run, plan);
  check_apart_from_inputs(options, plan);
  return plan;
}

}  // namespace expandft
