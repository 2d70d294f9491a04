#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace expandft {

// Standard errors and tests over a task's examples. Mismatched sizes are failures.

/// The standard error of the mean of `values`: their standard deviation (divided by m - 1) / √m, as
/// lm-evaluation-harness's mean_stderr. None for fewer than two.
std::optional<double> mean_standard_error(std::span<const double> values);

/// The standard error of R = Σsums / Σweights, a ratio estimator over m examples:
/// √(m/(m−1) · Σ(sumᵢ − R·weightᵢ)²) / Σweights (Cochran, Sampling Techniques, 3rd edition, section
/// 6.4, without finite-population correction). With the tuned model's sums minus the base's it is
/// the paired standard error of their difference. None for fewer than two examples or a total
/// weight of 0.
std::optional<double> ratio_standard_error(std::span<const double> sums,
                                           std::span<const double> weights);

/// The exact two-sided p of McNemar's test for n = only_base + only_tuned examples that only one of
/// two models has right: min(1, 2·P(X ≤ min(only_base, only_tuned))) with X ~ Binomial(n, ½); 1 for
/// n = 0. Relative precision 1e-9 for counts up to a million. A negative count is a failure.
double mcnemar_p(std::int64_t only_base, std::int64_t only_tuned);

/// A metric of a corpus, computed from statistics summed over its examples.
using CorpusMetric = std::function<double(std::span<const double>)>;

struct BootstrapOptions {
  std::int64_t resamples = 1000;  // at least 2
  std::uint64_t seed = 1234;
};

/// The standard error of a corpus metric of one model: the standard deviation over resamples of the
/// examples with replacement (Efron 1979). `statistics` has `width` numbers for each example. None
/// for fewer than two examples. The same on every platform.
std::optional<double> bootstrap_standard_error(std::span<const double> statistics,
                                               std::size_t width, const CorpusMetric& metric,
                                               const BootstrapOptions& options = {});

struct PairedBootstrap {
  double difference = 0;      // of the metric: tuned - base
  double standard_error = 0;  // its standard deviation over resamples
  double p = 1;               // two-sided, of no difference
};

/// Resamples the examples of both models together. With the differences dᵣ of B resamples and their
/// mean, p = (1 + #{|dᵣ − mean| ≥ |difference|}) / (B + 1): the bootstrap shifted to no difference
/// (Riezler and Maxwell 2005; as in sacrebleu). None for fewer than two examples.
std::optional<PairedBootstrap> paired_bootstrap(std::span<const double> base,
                                                std::span<const double> tuned, std::size_t width,
                                                const CorpusMetric& metric,
                                                const BootstrapOptions& options = {});

}  // namespace expandft
