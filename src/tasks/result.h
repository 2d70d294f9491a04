#pragma once

#include "config/task_config.h"
#include "metrics/metric.h"
#include "tasks/example.h"
#include "tasks/outputs.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

using Examples = std::shared_ptr<const std::vector<TaskExample>>;

/// What a model makes of a task. The definitions are in docs/evaluation.md.
struct TaskResult {
  TaskConfig task;
  Examples examples;                   // of perplexity: null, its outputs are of blocks
  std::vector<ExampleOutput> outputs;  // of each example
  std::vector<MetricResult> metrics;   // the first is judged; "loss" last, where there is one
  std::vector<std::int64_t>
      predictions;                  // choice: index of the one taken by the judged metric, -1: none
  std::vector<std::uint8_t> right;  // by the judged metric; empty: it is no matter of right
  bool bos = false;                 // whether BOS stands before the texts

  const MetricResult& judged() const { return metrics.front(); }
  /// Null when the task has no such metric.
  const MetricResult* find(const std::string& name) const;
  /// Nats a token of the texts that are right: all types but "generate".
  std::optional<double> loss() const;
  std::int64_t tokens() const;     // whose likelihood was asked for
  std::int64_t truncated() const;  // examples
};

/// Computes the task's metrics of what a model made of its examples. Input error for a damaged
/// regular expression of a metric.
TaskResult score_outputs(const TaskConfig& task, Examples examples,
                         std::vector<ExampleOutput> outputs);

}  // namespace expandft
