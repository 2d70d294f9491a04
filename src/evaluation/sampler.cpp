#include "evaluation/sampler.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>

namespace expandft {
namespace {

float largest_of(std::span<const float> logits) {
  float largest = -INFINITY;
  for (const float logit : logits) {
    if (std::isnan(logit)) throw failure("the model gives a NaN logit");
    largest = std::max(largest, logit);
  }
  if (!std::isfinite(largest)) throw failure("the model gives no finite logit");
  return largest;
}

bool is_likelier(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.id < b.id;
}

/// Tokens with weights in proportion to their probabilities, taken likeliest first. Only what is
/// taken is sorted: most draws end after a few of 10^5 tokens.
class WeightedTokens {
 public:
  /// Applies temperature, which must be above 0, and top-k.
  WeightedTokens(std::span<const float> logits, const SamplingOptions& options) {
    const float largest = largest_of(logits);
    left_.reserve(logits.size());
    for (const float logit : logits) {
      const double weight = std::exp((static_cast<double>(logit) - largest) / options.temperature);
      left_.push_back({static_cast<TokenId>(left_.size()), weight});
      total_ += weight;
    }
    if (options.top_k > 0 && options.top_k < std::ssize(left_)) {
      std::ranges::nth_element(left_, left_.begin() + options.top_k, is_likelier);
      left_.resize(static_cast<std::size_t>(options.top_k));
      total_ = 0;
      for (const Candidate& candidate : left_) total_ += candidate.probability;
    }
    std::ranges::make_heap(left_, is_less_likely);
  }
  /// Of all weights.
  double total() const { return total_; }
  bool is_empty() const { return left_.empty(); }
  Candidate take() {
    std::ranges::pop_heap(left_, is_less_likely);
    const Candidate likeliest = left_.back();
    left_.pop_back();
    return likeliest;
  }

 private:
  static bool is_less_likely(const Candidate& a, const Candidate& b) { return is_likelier(b, a); }

  std::vector<Candidate> left_;  // a heap
  double total_ = 0;
};

/// The likeliest tokens that top-p keeps.
std::vector<Candidate> kept_by_top_p(WeightedTokens& tokens, double top_p) {
  std::vector<Candidate> kept;
  double sum = 0;
  do {
    kept.push_back(tokens.take());
    sum += kept.back().probability;
  } while (!tokens.is_empty() && sum < top_p * tokens.total());
  for (Candidate& candidate : kept) candidate.probability /= sum;
  return kept;
}

Candidate greedy(std::span<const float> logits) {
  largest_of(logits);  // throws
  return {static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin()), 1.0};
}

}  // namespace

std::vector<Candidate> candidates(std::span<const float> logits, const SamplingOptions& options) {
  if (options.temperature <= 0) return {greedy(logits)};
  WeightedTokens tokens(logits, options);
  if (options.top_p < 1.0) return kept_by_top_p(tokens, options.top_p);
  std::vector<Candidate> list;
  while (!tokens.is_empty()) {
    list.push_back(tokens.take());
    list.back().probability /= tokens.total();
  }
  return list;
}

TokenId Sampler::draw(std::span<const float> logits) {
  // 53 random bits. std::uniform_real_distribution would differ between standard libraries.
  double left = static_cast<double>(random_() >> 11) * 0x1p-53;
  if (options_.temperature <= 0) return greedy(logits).id;
  WeightedTokens tokens(logits, options_);
  if (options_.top_p < 1.0) {
    const std::vector<Candidate> kept = kept_by_top_p(tokens, options_.top_p);
    for (const Candidate& candidate : kept) {
      left -= candidate.probability;
      if (left < 0) return candidate.id;
    }
    return kept.front().id;  // reached only by rounding errors
  }
  const Candidate first = tokens.take();
  for (Candidate next = first;; next = tokens.take()) {
    left -= next.probability / tokens.total();
    if (left < 0) return next.id;
    if (tokens.is_empty()) return first.id;  // likewise
  }
}

}  // namespace expandft
