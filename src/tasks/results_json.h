#pragma once

#include "base/json.h"
#include "tasks/comparison.h"

#include <string>
#include <vector>

namespace expandft {

/// {"max_drop", "within_budget", "forgetting", "original_tasks": […], "tasks": […]}:
/// docs/evaluation.md.
Json comparison_json(const ComparisonReport& report);

/// {"task", "type", "examples", "truncated", "tokens", "bos", "metrics", "standard_errors"}
Json result_json(const TaskResult& result);

/// One object for each example: {"task", "model", "index", "line", the model's outputs, its
/// metrics}. `model` is "model", "base" or "tuned".
std::vector<Json> example_lines(const TaskResult& result, const std::string& model);

}  // namespace expandft
