#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Of one sentence, or summed over many; for each n from 1 to 6 the n-grams of characters: the
/// hypothesis's (0 when the reference has none), the reference's, those in both.
inline constexpr std::size_t kChrfStatistics = 18;
using ChrfStatistics = std::array<double, kChrfStatistics>;

/// The statistics with the reference that gives the highest score, the first of equal ones.
/// Characters are code points of well-formed UTF-8, white space left out. Input error when there is
/// no reference.
ChrfStatistics chrf_statistics(std::string_view hypothesis,
                               const std::vector<std::string>& references);

/// chrF2, 0 to 100, of summed statistics: sacrebleu's defaults (beta 2, no words, case kept; orders
/// that either side lacks do not count). Popović 2015.
double chrf_score(std::span<const double> statistics);

}  // namespace expandft
