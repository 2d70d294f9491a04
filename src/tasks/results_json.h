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

/// One object for each example: {"task", "model", "index", "line", what the model made of it, its
/// metrics}. `model` says which it is: "model", "base", "tuned".
std::vector<Json> example_lines(const TaskResult& result, const std::string& model);

}  // namespace expandft
