#include "metrics/paired_statistics.h"

#include "base/error.h"
#include "data/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace expandft {
namespace {

double total_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Divided by m - 1.
double standard_deviation(std::span<const double> values) {
  const auto m = static_cast<double>(values.size());
  const double mean = total_of(values) / m;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (m - 1));
}

// The number of examples that the statistics are for.
std::size_t count_examples(std::span<const double> statistics, std::size_t width) {
  if (width == 0 || statistics.size() % width != 0) {
    throw failure(std::to_string(statistics.size()) + " statistics are not examples of " +
                  std::to_string(width) + " each");
  }
  return statistics.size() / width;
}

void check_resamples(const BootstrapOptions& options) {
  if (options.resamples >= 2) return;
  throw failure("a bootstrap needs at least 2 resamples, found " +
                std::to_string(options.resamples));
}

std::vector<double> summed(std::span<const double> statistics, std::size_t width,
                           const std::vector<std::size_t>& examples) {
  std::vector<double> sums(width);
  for (const std::size_t example : examples) {
    const double* row = statistics.data() + example * width;
    for (std::size_t i = 0; i < width; ++i) sums[i] += row[i];
  }
  return sums;
}

// A sequence of resamples, determined by seed and number of examples.
class Resampling {
 public:
  Resampling(std::size_t examples, std::uint64_t seed) : random_(seed), drawn_(examples) {}

  const std::vector<std::size_t>& next() {
    for (std::size_t& example : drawn_) {
      example = static_cast<std::size_t>(random_.below(drawn_.size()));
    }
    return drawn_;
  }

 private:
  Random random_;
  std::vector<std::size_t> drawn_;
};

std::vector<std::size_t> every(std::size_t examples) {
  std::vector<std::size_t> indices(examples);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

}  // namespace

std::optional<double> mean_standard_error(std::span<const double> values) {
  if (values.size() < 2) return {};
  return standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

std::optional<double> ratio_standard_error(std::span<const double> sums,
                                           std::span<const double> weights) {
  if (sums.size() != weights.size()) {
    throw failure(std::to_string(sums.size()) + " sums have " + std::to_string(weights.size()) +
                  " weights");
  }
  const double weight = total_of(weights);
  if (sums.size() < 2 || weight == 0) return {};
  const auto m = static_cast<double>(sums.size());
  const double ratio = total_of(sums) / weight;
  double squares = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double rest = sums[i] - ratio * weights[i];
    squares += rest * rest;
  }
  return std::sqrt(m / (m - 1) * squares) / weight;
}

double mcnemar_p(std::int64_t only_base, std::int64_t only_tuned) {
  if (only_base < 0 || only_tuned < 0) {
    throw failure("counts of examples are " + std::to_string(only_base) + " and " +
                  std::to_string(only_tuned) + ", expected none below 0");
  }
  if (only_base == only_tuned) return 1;
  const auto n = static_cast<double>(only_base) + static_cast<double>(only_tuned);
  const auto fewer = static_cast<double>(std::min(only_base, only_tuned));
  // P(X ≤ fewer) / P(X = fewer): a sum whose terms fall from 1 on.
  double sum = 1, term = 1;
  for (double k = fewer; k > 0 && term > sum * 1e-17; --k) {
    term *= k / (n - k + 1);
    sum += term;
  }
  const double log_probability =
      std::lgamma(n + 1) - std::lgamma(fewer + 1) - std::lgamma(n - fewer + 1) - n * std::log(2.0);
  return std::min(1.0, 2 * sum * std::exp(log_probability));
}

std::optional<double> bootstrap_standard_error(std::span<const double> statistics,
                                               std::size_t width, const CorpusMetric& metric,
                                               const BootstrapOptions& options) {
  const std::size_t examples = count_examples(statistics, width);
  check_resamples(options);
  if (examples < 2) return {};
  Resampling resampling(examples, options.seed);
  std::vector<double> values;
  for (std::int64_t r = 0; r < options.resamples; ++r) {
    values.push_back(metric(summed(statistics, width, resampling.next())));
  }
  return standard_deviation(values);
}

std::optional<PairedBootstrap> paired_bootstrap(std::span<const double> base,
                                                std::span<const double> tuned, std::size_t width,
                                                const CorpusMetric& metric,
                                                const BootstrapOptions& options) {
  const std::size_t examples = count_examples(base, width);
  if (count_examples(tuned, width) != examples) {
    throw failure("base has statistics of " + std::to_string(examples) + " examples, tuned of " +
                  std::to_string(tuned.size() / width));
  }
  check_resamples(options);
  if (examples < 2) return {};
  const auto difference = [&](const std::vector<std::size_t>& drawn) {
    return metric(summed(tuned, width, drawn)) - metric(summed(base, width, drawn));
  };
  PairedBootstrap result{.difference = difference(every(examples))};
  Resampling resampling(examples, options.seed);
  std::vector<double> differences;
  for (std::int64_t r = 0; r < options.resamples; ++r) {
    differences.push_back(difference(resampling.next()));
  }
  result.standard_error = standard_deviation(differences);
  const double mean = total_of(differences) / static_cast<double>(differences.size());
  const auto as_far = std::ranges::count_if(
      differences, [&](double d) { return std::abs(d - mean) >= std::abs(result.difference); });
  result.p = (1 + static_cast<double>(as_far)) / (static_cast<double>(options.resamples) + 1);
  return result;
}

}  // namespace expandft
