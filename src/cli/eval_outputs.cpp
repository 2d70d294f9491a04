#include "cli/eval_outputs.h"

#include "cli/output.h"
#include "config/strength.h"
#include "pages/answers_page.h"
#include "report/json_values.h"
#include "pages/junit.h"
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

void add_strength(const EvalPlan& plan, Json& json) {
  if (plan.tuned.adapter) json["adapter"] = *plan.tuned.adapter;
  json["strength"] = plan.strength ? strength_json(*plan.strength) : Json();
}

std::string tuned_name(const EvalPlan& plan) {
  return plan.tuned.adapter.value_or(plan.tuned.model);
}

/// "measured: runs/a/merged at strength 1"
std::string measured_text(const EvalPlan& plan) {
  std::string text = "measured: " + tuned_name(plan);
  if (plan.strength) text += " at strength " + strength_text(*plan.strength);
  return text + "\n";
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
  if (options.json != "-") print(result_table(results) + measured_text(plan));
  Json tasks = Json::array();
  for (const TaskResult& result : results) tasks.push_back(result_json(result));
  Json json = {{"model", plan.tuned.model}};
  add_strength(plan, json);
  json["tasks"] = tasks;
  write_or_print(options.json, json);
  if (options.examples.empty()) return;
  std::string lines;
  add_lines(results, "model", lines);
  write_file_atomically(options.examples, lines);
}

void write_results(const EvalOptions& options, const EvalPlan& plan, const MeasuredPair& measured) {
  const auto& [base, tuned, report] = measured;
  if (options.json != "-") {
    print(comparison_table(report) + forgetting_text(report) + measured_text(plan));
  }
  Json json = {{"base", plan.base->model}, {"tuned", plan.tuned.model}};
  add_strength(plan, json);
  json.update(comparison_json(report));
  write_or_print(options.json, json);
  if (!options.examples.empty()) {
    std::string lines;
    add_lines(base, "base", lines);
    add_lines(tuned, "tuned", lines);
    write_file_atomically(options.examples, lines);
  }
  const ComparedModels compared{plan.base->model, tuned_name(plan),
                                plan.strength ? strength_text(*plan.strength) : ""};
  if (!options.junit.empty()) {
    write_file_atomically(options.junit, junit_xml(report, compared));
  }
  if (!options.html.empty()) {
    write_file_atomically(options.html, answers_page(report, base, tuned, compared));
  }
}

}  // namespace expandft
