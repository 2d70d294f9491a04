#pragma once

#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace expandft {

/// How the next token is drawn from a model's logits.
struct SamplingOptions {
  double temperature = 0.8;  // 0: always the likeliest
  std::int64_t top_k = 0;    // draw among the k likeliest only; 0: among all
  double top_p = 1.0;        // … and among the fewest that have this probability together
};

struct Candidate {
  TokenId id = 0;
  double probability = 0;
};

/// What may be drawn, likeliest first (of equals the lower id first); the probabilities sum to 1.
/// Temperature comes first, then top-k, then top-p on what is left, as in the transformers package.
/// Failure when a logit is NaN, or when none is finite.
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
