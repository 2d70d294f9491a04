#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// For one sentence, or summed over many: for each n from 1 to 6 the number of n-grams of
/// characters in the hypothesis (0 if the reference has none), in the reference and in both.
inline constexpr std::size_t kChrfStatistics = 18;
using ChrfStatistics = std::array<double, kChrfStatistics>;

/// The statistics with the reference that gives the highest score, the first of equal ones.
/// Characters are code points of well-formed UTF-8 except white space. Input error without a
/// reference.
ChrfStatistics chrf_statistics(std::string_view hypothesis,
                               const std::vector<std::string>& references);

/// chrF2, 0 to 100, of summed statistics, with sacrebleu's defaults (beta 2, no words, case kept;
/// orders that either side lacks do not count). Popović 2015.
double chrf_score(std::span<const double> statistics);

}  // namespace expandft
