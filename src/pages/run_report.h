#pragma once

#include "base/json.h"
#include "pages/page_parts.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What a run's report.html is made of. All strings are text: the page escapes them.
struct RunReport {
  using Facts = expandft::Facts;

  std::string name;          // of the run: its title
  std::string opening;       // a sentence on what was done
  Facts outcome;             // few and short: they stand large at the top
  Json comparison;           // comparison_json of tasks/results_json.h; {} without tasks
  std::vector<Json> events;  // of metrics.jsonl
  /// As in summary.json: [{"strength", "tasks": [{"task", "original", "metric", "value",
  /// "higher_is_better", "loss"}]}], and [{"prompt", "base", "tuned"}]. Empty: without a strength
  /// curve, without samples.
  Json strengths = Json::array();
  std::optional<double> strength = std::nullopt;  // of the merged model: marked on the curve
  Json samples = Json::array();
  std::vector<std::string> warnings = {};  // notices of model, tokenizer and data
  Facts plan, data;
  Json config;         // resolved
  std::string footer;  // what wrote it
};

/// The page: outcome, warnings, tasks, their charts, the strength curve, training, samples, plan,
/// data, config. Complete in itself (html_page).
std::string run_report_html(const RunReport& report);

}  // namespace expandft
