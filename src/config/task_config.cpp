#include "config/task_config.h"

#include "config/task_fields.h"

namespace expandft {

std::string task_type_name(TaskType type) {
  for (const auto& [name, value] : task_type_names()) {
    if (value == type) return name;
  }
  return {};
}

std::vector<MetricConfig> default_metrics(TaskType type, bool written) {
  std::vector<MetricConfig> metrics;
  for (const std::string& name : default_metric_names(type, written)) {
    metrics.push_back({.metric = name, .name = name});
  }
  return metrics;
}

TaskConfig load_task(const fs::path& file) {
  return read_task_file(file).task;
}

}  // namespace expandft
