#pragma once

#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace expandft {

/// How the next token is drawn from the logits.
struct SamplingOptions {
  double temperature = 0.8;  // 0: always the likeliest token
  std::int64_t top_k = 0;    // draw from the k likeliest; 0: from all
  double top_p = 1.0;        // of these, from the fewest that together have this probability
};

struct Candidate {
  TokenId id = 0;
  double probability = 0;
};

/// The tokens that can be drawn, likeliest first (the lower id first when equal); their
/// probabilities sum to 1. Temperature is applied first, then top-k, then top-p on the rest, as in
/// the transformers package. Failure when a logit is NaN, or when none is finite.
std::vector<Candidate> candidates(std::span<const float> logits, const SamplingOptions& options);

/// Draws tokens. The same seed gives the same tokens on every platform.
class Sampler {
 public:
  Sampler(SamplingOptions options, std::uint64_t seed) : options_(options), random_(seed) {}
  TokenId draw(std::span<const float> logits);

 private:
  SamplingOptions options_;
  std::mt19937_64 random_;
};

}  // namespace expandft
