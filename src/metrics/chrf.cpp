#include "metrics/chrf.h"

#include "base/error.h"
#include "base/python_text.h"
#include "base/utf8.h"

#include <algorithm>
#include <unordered_map>

namespace expandft {
namespace {

constexpr std::size_t kChrfOrders = 6;
constexpr double kBetaSquared = 4;

// A text without white space and the offsets of its characters, followed by the text's size.
struct Characters {
  std::string text;
  std::vector<std::size_t> starts;

  explicit Characters(std::string_view given) {
    for (const std::string_view word : python_split(given)) text += word;
    const std::string_view all = text;
    for (std::size_t at = 0; at < all.size(); at += character_length(all.substr(at))) {
      starts.push_back(at);
    }
    starts.push_back(all.size());
  }
};

using CharacterCounts = std::unordered_map<std::string_view, double>;

CharacterCounts count_ngrams(const Characters& characters, std::size_t order) {
  CharacterCounts counts;
  const std::string_view text = characters.text;
  const std::vector<std::size_t>& starts = characters.starts;
  for (std::size_t i = 0; i + order < starts.size(); ++i) {
    ++counts[text.substr(starts[i], starts[i + order] - starts[i])];
  }
  return counts;
}

std::array<CharacterCounts, kChrfOrders> count_all(const Characters& characters) {
  std::array<CharacterCounts, kChrfOrders> counts;
  for (std::size_t i = 0; i < kChrfOrders; ++i) counts[i] = count_ngrams(characters, i + 1);
  return counts;
}

ChrfStatistics count_matches(const std::array<CharacterCounts, kChrfOrders>& hypothesis,
                             const std::array<CharacterCounts, kChrfOrders>& reference) {
  ChrfStatistics statistics{};
  for (std::size_t i = 0; i < kChrfOrders; ++i) {
    double& of_reference = statistics[3 * i + 1];
    for (const auto& [ngram, count] : reference[i]) of_reference += count;
    if (of_reference == 0) continue;
    for (const auto& [ngram, count] : hypothesis[i]) {
      statistics[3 * i] += count;
      const auto found = reference[i].find(ngram);
      if (found != reference[i].end()) statistics[3 * i + 2] += std::min(count, found->second);
    }
  }
  return statistics;
}

}  // namespace

ChrfStatistics chrf_statistics(std::string_view hypothesis,
                               const std::vector<std::string>& references) {
  if (references.empty()) throw input_error("chrF needs at least one reference, found none");
  const Characters characters(hypothesis);
  const auto counts = count_all(characters);
  ChrfStatistics best{};
  double highest = -1;
  for (const std::string& reference : references) {
    const Characters wanted(reference);
    const ChrfStatistics statistics = count_matches(counts, count_all(wanted));
    const double score = chrf_score(statistics);
    if (score > highest) {
      highest = score;
      best = statistics;
    }
  }
  return best;
}

double chrf_score(std::span<const double> statistics) {
  if (statistics.size() != kChrfStatistics) {
    throw failure("chrF has " + std::to_string(kChrfStatistics) + " statistics, found " +
                  std::to_string(statistics.size()));
  }
  double precision = 0, recall = 0, orders = 0;
  for (std::size_t i = 0; i < kChrfOrders; ++i) {
    const double written = statistics[3 * i], wanted = statistics[3 * i + 1];
    if (written == 0 || wanted == 0) continue;
    precision += statistics[3 * i + 2] / written;
    recall += statistics[3 * i + 2] / wanted;
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

}  // namespace expandft
