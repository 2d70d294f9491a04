#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace expandft {

/// How a metric comes from the statistics of all examples, added up.
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
  std::size_t width = 2;  // numbers of an example: its sum and weight, or what kBleu and kChrf need
  std::vector<double> statistics;  // (examples, width)

  std::size_t examples() const { return statistics.size() / width; }
  std::span<const double> example(std::size_t i) const {
    return std::span(statistics).subspan(i * width, width);
  }
  double value() const;
  /// Σ sum / Σ weight: the logarithm of a perplexity. For kinds that are a function of it.
  double ratio() const;
  /// Of the value: a ratio estimator's (for a mean of equal weights the sample's); by the delta
  /// method for kPerplexity; by a bootstrap for kBleu and kChrf. None for one example.
  std::optional<double> standard_error() const;
};

/// Whether the kind is a function of Σ sum / Σ weight.
bool is_ratio(MetricKind kind);
/// The metric of statistics that are added up.
double metric_value(MetricKind kind, std::span<const double> totals);

}  // namespace expandft
