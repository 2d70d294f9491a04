#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace expandft {

/// How a metric is computed from the sum of all examples' statistics.
enum class MetricKind {
  kMean,        // Σ sum / Σ weight
  kPerplexity,  // exp(Σ sum / Σ weight), the sum of negative log-likelihoods in nats
  kBits,        // Σ sum / Σ weight / ln 2
  kBleu,        // metrics/bleu.h
  kChrf,        // metrics/chrf.h
};

/// A metric over the examples of a task.
struct MetricResult {
  std::string name;
  MetricKind kind = MetricKind::kMean;
  bool higher_is_better = false;
  bool is_share = false;  // each example is right (1) or wrong (0)
  std::size_t width = 2;  // numbers per example: its sum and weight, or those of kBleu or kChrf
  std::vector<double> statistics;  // (examples, width)

  std::size_t examples() const { return statistics.size() / width; }
  std::span<const double> example(std::size_t i) const {
    return std::span(statistics).subspan(i * width, width);
  }
  double value() const;
  /// Σ sum / Σ weight, for is_ratio kinds; of a perplexity the logarithm.
  double ratio() const;
  /// Of the value: that of a ratio estimator (with equal weights, of the mean); for kPerplexity by
  /// the delta method; for kBleu and kChrf by a bootstrap. None for one example.
  std::optional<double> standard_error() const;
};

/// Whether the kind is a function of Σ sum / Σ weight.
bool is_ratio(MetricKind kind);
/// The metric for summed statistics.
double metric_value(MetricKind kind, std::span<const double> totals);

}  // namespace expandft
