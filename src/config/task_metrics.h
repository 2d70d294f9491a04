#pragma once

#include "config/fields.h"
#include "config/task_config.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The metrics of a type, and those that it has by default.
std::vector<std::string> metric_names(TaskType type, bool written);
std::vector<std::string> default_metric_names(TaskType type, bool written);
/// "metrics": a list of names, and of names with options.
Field metrics_field(std::vector<MetricConfig>& metrics, const std::optional<TaskType>& type,
                    const bool& written);

/// What is measured where a task file names no metric; none for a generate task.
std::vector<MetricConfig> default_metrics(TaskType type, bool written);

/// The metric that a task is judged by: its first, or the default one of its type.
MetricConfig judged_metric(const TaskConfig& task);

/// What a metric's values, and budgets of it that are no percentages, are counted in: "accuracy",
/// "perplexity", "BLEU".
std::string metric_unit(const std::string& metric);
/// The units of tasks' judged metrics, by the tasks' names.
std::map<std::string, std::string> metric_units(const std::vector<TaskConfig>& tasks);

/// The largest value of a metric of which more is better: 1 of a share of answers, 100 of BLEU and
/// chrF. None of losses and perplexities, which have no end.
std::optional<double> metric_maximum(const std::string& metric);

}  // namespace expandft
