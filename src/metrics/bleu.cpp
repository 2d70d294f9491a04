#include "metrics/bleu.h"

#include "base/error.h"
#include "base/python_text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace expandft {
namespace {

constexpr std::size_t kBleuOrders = 4;

using BleuTokens = std::vector<std::string>;
using Counts = std::unordered_map<std::string, double>;  // an n-gram's tokens, joined by spaces

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_stop(char c) {
  return c == '.' || c == ',';
}

// ASCII other than letters, digits, controls, apostrophe, comma, dash and full stop.
bool stands_alone(char c) {
  return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
         (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

std::string substituted(std::string_view text, std::string_view old, std::string_view content) {
  std::string replaced;
  std::size_t plain = 0;
  for (std::size_t at = text.find(old); at != text.npos; at = text.find(old, plain)) {
    replaced.append(text.substr(plain, at - plain)).append(content);
    plain = at + old.size();
  }
  return replaced.append(text.substr(plain));
}

std::string without_markup(std::string_view line) {
  std::string text = substituted(line, "<skipped>", "");
  text = substituted(text, "-\n", "");
  text = substituted(text, "\n", " ");
  text = substituted(text, "&quot;", "\"");
  text = substituted(text, "&amp;", "&");
  text = substituted(text, "&lt;", "<");
  return substituted(text, "&gt;", ">");
}

// Inserts spaces around two neighbours as `spaced` says: before the first, between them, after the
// second. Searches from left to right, so pairs do not overlap.
struct Spaces {
  bool before = false, between = false, after = false;
};
template <typename Spaced>
std::string space_pairs(const std::string& text, Spaced spaced) {
  std::string made;
  std::size_t at = 0;
  while (at + 1 < text.size()) {
    const Spaces spaces = spaced(text[at], text[at + 1]);
    if (spaces.before) made += ' ';
    made += text[at];
    if (!spaces.before && !spaces.between && !spaces.after) {
      ++at;
      continue;
    }
    if (spaces.between) made += ' ';
    made += text[at + 1];
    if (spaces.after) made += ' ';
    at += 2;
  }
  return made.append(text, at);
}

Counts count_ngrams(const BleuTokens& tokens, std::size_t order) {
  Counts counts;
  for (std::size_t first = 0; first + order <= tokens.size(); ++first) {
    std::string ngram = tokens[first];
    for (std::size_t i = first + 1; i < first + order; ++i) ngram.append(" ").append(tokens[i]);
    ++counts[std::move(ngram)];
  }
  return counts;
}

// The shorter of two equally near lengths.
double nearest_length(std::size_t length, const std::vector<BleuTokens>& references) {
  std::size_t nearest = 0, least = std::numeric_limits<std::size_t>::max();
  for (const BleuTokens& reference : references) {
    const std::size_t size = reference.size();
    const std::size_t distance = size > length ? size - length : length - size;
    if (distance < least || (distance == least && size < nearest)) {
      least = distance;
      nearest = size;
    }
  }
  return static_cast<double>(nearest);
}

}  // namespace

std::vector<std::string> tokenize_13a(std::string_view text) {
  std::string line = " ";
  for (const char c : without_markup(python_rstrip(text))) {
    if (stands_alone(c)) {
      line.append({' ', c, ' '});
    } else {
      line += c;
    }
  }
  line += ' ';
  // Bytes suffice: the patterns are ASCII, and other bytes are not digits.
  line = space_pairs(line, [](char a, char b) {
    const bool found = !is_digit(a) && is_stop(b);
    return Spaces{.between = found, .after = found};
  });
  line = space_pairs(line, [](char a, char b) {
    const bool found = is_stop(a) && !is_digit(b);
    return Spaces{.before = found, .between = found};
  });
  line = space_pairs(line, [](char a, char b) {
    const bool found = is_digit(a) && b == '-';
    return Spaces{.between = found, .after = found};
  });
  BleuTokens tokens;
  for (const std::string_view word : python_split(line)) tokens.emplace_back(word);
  return tokens;
}

BleuStatistics bleu_statistics(std::string_view hypothesis,
                               const std::vector<std::string>& references) {
  if (references.empty()) throw input_error("BLEU needs at least one reference, found none");
  const BleuTokens tokens = tokenize_13a(hypothesis);
  std::vector<BleuTokens> wanted;
  for (const std::string& reference : references) wanted.push_back(tokenize_13a(reference));

  BleuStatistics statistics{};
  statistics[2 * kBleuOrders] = static_cast<double>(tokens.size());
  statistics[2 * kBleuOrders + 1] = nearest_length(tokens.size(), wanted);
  for (std::size_t order = 1; order <= kBleuOrders; ++order) {
    Counts most;  // of each n-gram in any one reference
    for (const BleuTokens& reference : wanted) {
      for (const auto& [ngram, count] : count_ngrams(reference, order)) {
        double& known = most[ngram];
        known = std::max(known, count);
      }
    }
    for (const auto& [ngram, count] : count_ngrams(tokens, order)) {
      statistics[kBleuOrders + order - 1] += count;
      const auto found = most.find(ngram);
      if (found != most.end()) statistics[order - 1] += std::min(count, found->second);
    }
  }
  return statistics;
}

double bleu_score(std::span<const double> statistics) {
  if (statistics.size() != kBleuStatistics) {
    throw failure("BLEU has " + std::to_string(kBleuStatistics) + " statistics, found " +
                  std::to_string(statistics.size()));
  }
  const auto correct = statistics.first(kBleuOrders),
             total = statistics.subspan(kBleuOrders, kBleuOrders);
  const double length = statistics[2 * kBleuOrders],
               reference_length = statistics[2 * kBleuOrders + 1];
  // An order without n-grams has a precision of 0, and so has the geometric mean.
  const auto is_zero = [](double count) { return count == 0; };
  if (std::ranges::all_of(correct, is_zero) || std::ranges::any_of(total, is_zero)) return 0;

  double logs = 0, smoothing = 1;
  for (std::size_t i = 0; i < kBleuOrders; ++i) {
    if (correct[i] == 0) smoothing *= 2;
    logs += std::log(correct[i] == 0 ? 100 / (smoothing * total[i]) : 100 * correct[i] / total[i]);
  }
  const double brevity = length < reference_length ? std::exp(1 - reference_length / length) : 1;
  return brevity * std::exp(logs / kBleuOrders);
}

}  // namespace expandft
