#pragma once

#include "tasks/comparison.h"

#include <string>
#include <vector>

namespace expandft {

/// A table for a terminal: a line for each task and metric, the judged one first.
std::string comparison_table(const ComparisonReport& report);
/// The judged metrics alone, for a model card.
std::string comparison_markdown(const ComparisonReport& report);
/// A relative drop: "drop +4.93%", or "improved by 4.93%".
std::string drop_text(double share);
/// What was forgotten over all original tasks, in a sentence or two; empty without any, and for
/// one task whose row says it all.
std::string forgetting_text(const ComparisonReport& report);

/// One model alone: a line for each task and metric.
std::string result_table(const std::vector<TaskResult>& results);

/// "acc 0.4520", "perplexity 4.181": the judged metric.
std::string result_text(const TaskResult& result);

/// A metric's value as tables show it.
std::string metric_text(MetricKind kind, double value);

}  // namespace expandft
