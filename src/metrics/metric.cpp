#include "metrics/metric.h"

#include "metrics/bleu.h"
#include "metrics/chrf.h"
#include "metrics/paired_statistics.h"

#include <cmath>
#include <numbers>

namespace expandft {

bool is_ratio(MetricKind kind) {
  return kind != MetricKind::kBleu && kind != MetricKind::kChrf;
}

double metric_value(MetricKind kind, std::span<const double> totals) {
  switch (kind) {
    case MetricKind::kMean:
      return totals[0] / totals[1];
    case MetricKind::kPerplexity:
      return std::exp(totals[0] / totals[1]);
    case MetricKind::kBits:
      return totals[0] / totals[1] / std::numbers::ln2;
    case MetricKind::kBleu:
      return bleu_score(totals);
    case MetricKind::kChrf:
      return chrf_score(totals);
  }
  return 0;
}

namespace {

std::vector<double> totals_of(const MetricResult& result) {
  std::vector<double> totals(result.width, 0.0);
  for (std::size_t i = 0; i < result.statistics.size(); ++i) {
    totals[i % result.width] += result.statistics[i];
  }
  return totals;
}

}  // namespace

double MetricResult::value() const {
  return metric_value(kind, totals_of(*this));
}

double MetricResult::ratio() const {
  return metric_value(MetricKind::kMean, totals_of(*this));
}

std::optional<double> MetricResult::standard_error() const {
  if (examples() < 2) return std::nullopt;
  if (!is_ratio(kind)) {
    return bootstrap_standard_error(statistics, width, [this](std::span<const double> totals) {
      return metric_value(kind, totals);
    });
  }
  std::vector<double> sums, weights;
  for (std::size_t i = 0; i < examples(); ++i) {
    sums.push_back(example(i)[0]);
    weights.push_back(example(i)[1]);
  }
  const double error = ratio_standard_error(sums, weights).value_or(0);
  if (kind == MetricKind::kPerplexity) return value() * error;
  return kind == MetricKind::kBits ? error / std::numbers::ln2 : error;
}

}  // namespace expandft
