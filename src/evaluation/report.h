#pragma once

#include "base/json.h"
#include "evaluation/comparison.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Base against tuned: original tasks with a verdict, and new tasks, which have none. Either may be
/// empty.
struct ComparisonReport {
  std::vector<Comparison> originals, news;
  std::optional<DropBudget> budget;
};

/// Compares task by task. The first `originals` tasks are the original ones, which the budget holds
/// for.
ComparisonReport compare_tasks(const std::vector<TaskResult>& base,
                               const std::vector<TaskResult>& tuned, std::size_t originals,
                               const std::optional<DropBudget>& budget);

/// A table for a terminal, one line a task.
std::string comparison_table(const ComparisonReport& report);
/// The same for a model card.
std::string comparison_markdown(const ComparisonReport& report);
/// {"max_drop", "within_budget", "original_tasks": […], "tasks": […]}: docs/evaluation.md.
Json comparison_json(const ComparisonReport& report);

/// {"task", "type", "loss", "perplexity", "bits_per_byte", "tokens", "blocks", "bos"}
Json result_json(const TaskResult& result);
/// One line for each task: loss, perplexity, bits per byte, tokens.
std::string result_table(const std::vector<TaskResult>& results);

}  // namespace expandft
