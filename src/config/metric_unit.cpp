#include "config/metric_unit.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace expandft {
namespace {

struct KnownMetric {
  std::string_view metric, unit;
  double maximum;  // 0: none
};
constexpr std::array kKnownMetrics{
    KnownMetric{"acc", "accuracy", 1},
    KnownMetric{"acc_norm", "accuracy", 1},
    KnownMetric{"acc_bytes", "accuracy", 1},
    KnownMetric{"exact_match", "exact match", 1},
    KnownMetric{"contains", "share of answers", 1},
    KnownMetric{"bleu", "BLEU", 100},
    KnownMetric{"chrf", "chrF", 100},
    KnownMetric{"perplexity", "perplexity", 0},
    KnownMetric{"word_perplexity", "perplexity a word", 0},
    KnownMetric{"byte_perplexity", "perplexity a byte", 0},
    KnownMetric{"bits_per_byte", "bits a byte", 0},
    KnownMetric{"loss", "nats a token", 0},
};

const KnownMetric* find_metric(const std::string& metric) {
  const auto found = std::ranges::find(kKnownMetrics, metric, &KnownMetric::metric);
  return found == kKnownMetrics.end() ? nullptr : &*found;
}

}  // namespace

MetricConfig judged_metric(const TaskConfig& task) {
  // Written answers of a choice are right or wrong, whatever its likelihoods are measured by.
  if (task.type == TaskType::kChoice && task.written) return {.metric = "acc", .name = "acc"};
  const std::vector<MetricConfig> metrics =
      task.metrics.empty() ? default_metrics(task.type, task.written) : task.metrics;
  return metrics.empty() ? MetricConfig{} : metrics.front();
}

std::string metric_unit(const std::string& metric) {
  const KnownMetric* known = find_metric(metric);
  return known == nullptr ? metric : std::string(known->unit);
}

std::map<std::string, std::string> metric_units(const std::vector<TaskConfig>& tasks) {
  std::map<std::string, std::string> units;
  for (const TaskConfig& task : tasks) units[task.name] = metric_unit(judged_metric(task).metric);
  return units;
}

std::optional<double> metric_maximum(const std::string& metric) {
  const KnownMetric* known = find_metric(metric);
  return known == nullptr || known->maximum == 0 ? std::nullopt : std::optional(known->maximum);
}

}  // namespace expandft
