#pragma once

#include "tasks/comparison.h"

#include <string>
#include <vector>

namespace expandft {

/// A table for terminals with a line for each task and metric, the judged metric first.
std::string comparison_table(const ComparisonReport& report);
/// A Markdown table of the judged metrics, for a model card.
std::string comparison_markdown(const ComparisonReport& report);
/// A relative drop: "drop +4.93%", or "improved by 4.93%".
std::string drop_text(double share);
/// A line on forgetting over all original tasks; empty without any.
std::string forgetting_text(const ComparisonReport& report);

/// A table for one model: a line for each task and metric.
std::string result_table(const std::vector<TaskResult>& results);

/// "acc 0.4520", "perplexity 4.181": the judged metric.
std::string result_text(const TaskResult& result);

/// A metric's value with the decimals that tables show.
std::string metric_text(MetricKind kind, double value);

}  // namespace expandft
