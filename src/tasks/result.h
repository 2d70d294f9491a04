#pragma once

#include "config/task_config.h"
#include "metrics/metric.h"
#include "tasks/example.h"
#include "tasks/example_output.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

using Examples = std::shared_ptr<const std::vector<TaskExample>>;

/// A model's results on a task. docs/evaluation.md defines the metrics.
struct TaskResult {
  TaskConfig task;
  Examples examples;                      // null for perplexity, whose outputs are for blocks
  std::vector<ExampleOutput> outputs;     // one for each example
  std::vector<MetricResult> metrics;      // the first is judged; "loss", if any, is last
  std::vector<std::int64_t> predictions;  // choice: index of the judged metric's choice; -1: none
  std::vector<std::uint8_t> right;  // by the judged metric; empty if it does not count right ones
  bool bos = false;                 // whether texts start with BOS

  const MetricResult& judged() const { return metrics.front(); }
  /// Null if the task does not have the metric.
  const MetricResult* find(const std::string& name) const;
  /// Nats per token of the correct texts: all types except "generate".
  std::optional<double> loss() const;
  std::int64_t tokens() const;     // whose likelihood was measured
  std::int64_t truncated() const;  // examples
};

/// Computes the task's metrics from a model's outputs. Input error for a metric's regular
/// expression that does not compile.
TaskResult score_outputs(const TaskConfig& task, Examples examples,
                         std::vector<ExampleOutput> outputs);

}  // namespace expandft
