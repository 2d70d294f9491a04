#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// For one sentence, or summed over many: the hypothesis' n-grams that occur in a reference (n from
/// 1 to 4), all its n-grams, its length in tokens, and the length of the reference nearest in
/// length.
inline constexpr std::size_t kBleuStatistics = 10;
using BleuStatistics = std::array<double, kBleuStatistics>;

/// The tokens of mteval-v13a, as in sacrebleu's tokenizer "13a", without trailing white space. The
/// text is well-formed UTF-8.
std::vector<std::string> tokenize_13a(std::string_view text);

/// The statistics of a hypothesis and all its references. Input error without a reference.
BleuStatistics bleu_statistics(std::string_view hypothesis,
                               const std::vector<std::string>& references);

/// Corpus BLEU, 0 to 100, of summed statistics: sacrebleu's defaults (up to 4-grams, case kept,
/// precisions of 0 smoothed exponentially, no effective order). Papineni et al. 2002; the smoothing
/// is method 3 of Chen and Cherry 2014.
double bleu_score(std::span<const double> statistics);

}  // namespace expandft
