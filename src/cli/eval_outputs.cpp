#include "cli/eval_outputs.h"

#include "cli/output.h"
#include "config/strength.h"
#include "report/summary.h"
#include "tasks/answers_page.h"
#include "tasks/junit.h"
#include "tasks/result_tables.h"
#include "tasks/results_json.h"

#include <string>

namespace expandft {
namespace {

/// To a file, whole or not at all, or to stdout ("-").
void write_or_print(const std::string& file, const Json& json) {
  if (file.empty()) return;
  if (file == "-") {
    print_json(json);
  } else {
    write_json(file, json);
  }
}

void add_adapter(const EvalPlan& plan, Json& json) {
  if (!plan.tuned.adapter) return;
  json["adapter"] = *plan.tuned.adapter;
  json["strength"] = strength_json(plan.tuned.strength);
}

void add_lines(const std::vector<TaskResult>& results, const std::string& model,
               std::string& text) {
  for (const TaskResult& result : results) {
    for (const Json& line : example_lines(result, model)) {
      text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
  }
}

}  // namespace

void write_results(const EvalOptions& options, const EvalPlan& plan,
                   const std::vector<TaskResult>& results) {
  if (options.json != "-") print(result_table(results));
  Json tasks = Json::array();
  for (const TaskResult& result : results) tasks.push_back(result_json(result));
  Json json = {{"model", plan.tuned.model}};
  add_adapter(plan, json);
  json["tasks"] = tasks;
  write_or_print(options.json, json);
  if (options.examples.empty()) return;
  std::string lines;
  add_lines(results, "model", lines);
  write_file_atomically(options.examples, lines);
}

void write_results(const EvalOptions& options, const EvalPlan& plan, const ComparisonReport& report,
                   const std::vector<TaskResult>& base, const std::vector<TaskResult>& tuned) {
  if (options.json != "-") print(comparison_table(report) + forgetting_text(report));
  Json json = {{"base", plan.base->model}, {"tuned", plan.tuned.model}};
  add_adapter(plan, json);
  json.update(comparison_json(report));
  write_or_print(options.json, json);
  if (!options.examples.empty()) {
    std::string lines;
    add_lines(base, "base", lines);
    add_lines(tuned, "tuned", lines);
    write_file_atomically(options.examples, lines);
  }
  const std::string tuned_name = plan.tuned.adapter.value_or(plan.tuned.model);
  if (!options.junit.empty()) {
    write_file_atomically(options.junit, junit_xml(report, plan.base->model, tuned_name));
  }
  if (!options.html.empty()) {
    write_file_atomically(options.html,
                          answers_page(report, base, tuned, plan.base->model, tuned_name));
  }
}

}  // namespace expandft
