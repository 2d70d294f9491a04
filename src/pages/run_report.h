#pragma once

#include "base/json.h"
#include "pages/html.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The content of a run's report.html. All strings are text, which the page escapes.
struct RunReport {
  using Facts = expandft::Facts;

  std::string name;          // of the run: the page's title
  std::string opening;       // a sentence on what was done
  Facts outcome;             // few and short, shown large at the top
  Json comparison;           // from comparison_json (tasks/results_json.h); {} without tasks
  std::vector<Json> events;  // of metrics.jsonl
  /// From summary.json: "strengths" for strength_charts, "samples" [{"prompt", "base", "tuned"}].
  Json strengths = Json::array();
  std::optional<double> strength = std::nullopt;  // of the merged model, marked in the charts
  Json samples = Json::array();
  std::vector<std::string> warnings = {};  // notices on model, tokenizer and data
  Facts plan, data;
  Json config;         // resolved
  std::string footer;  // which program wrote the page
};

/// A page (html_page) with outcome, warnings, tasks, charts of tasks, strengths and training,
/// samples, plan, data and config.
std::string run_report_html(const RunReport& report);

}  // namespace expandft
