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

}  // namespace

std::vector<Candidate> candidates(std::span<const float> logits, const SamplingOptions& options) {
  const float largest = largest_of(logits);
  if (options.temperature <= 0) {
    const auto id = std::ranges::max_element(logits) - logits.begin();
    return {{static_cast<TokenId>(id), 1.0}};
  }
  std::vector<Candidate> list;
  list.reserve(logits.size());
  double total = 0;
  for (const float logit : logits) {
    const double weight = std::exp((static_cast<double>(logit) - largest) / options.temperature);
    list.push_back({static_cast<TokenId>(list.size()), weight});
    total += weight;
  }
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.id < b.id;
  };
  if (options.top_k > 0 && options.top_k < std::ssize(list)) {
    std::ranges::nth_element(list, list.begin() + options.top_k, likelier);
    list.resize(static_cast<std::size_t>(options.top_k));
    total = 0;
    for (const Candidate& candidate : list) total += candidate.probability;
  }
  std::ranges::sort(list, likelier);
  if (options.top_p < 1.0) {
    double sum = 0;
    std::size_t kept = 0;
    do {
      sum += list[kept++].probability;
    } while (kept < list.size() && sum < options.top_p * total);
    list.resize(kept);
    total = sum;
  }
  for (Candidate& candidate : list) candidate.probability /= total;
  return list;
}

TokenId Sampler::draw(std::span<const float> logits) {
  const std::vector<Candidate> list = candidates(logits, options_);
  // 53 random bits. std::uniform_real_distribution would differ between standard libraries.
  double left = static_cast<double>(random_() >> 11) * 0x1p-53;
  for (const Candidate& candidate : list) {
    left -= candidate.probability;
    if (left < 0) return candidate.id;
  }
  return list.front().id;  // reached only by rounding errors
}

}  // namespace expandft
