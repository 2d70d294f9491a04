#pragma once

#include "evaluation/sampler.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace expandft {

struct GenerationOptions {
  std::int64_t max_tokens = 128;
  SamplingOptions sampling;
  std::uint64_t seed = 0;
  std::vector<TokenId> end_tokens;  // each ends the text, and is not part of it
  /// Gets each token; true ends the text, with the token. May be empty.
  std::function<bool(TokenId)> is_enough = {};
};

/// Why a text ends.
enum class StopReason {
  kEnd,        // the model said so, by an end token
  kMaxTokens,  // as many as were asked for
  kContext,    // no position is left in the model
  kEnough,     // GenerationOptions::is_enough
};
std::string stop_text(StopReason reason);  // "end", "max_tokens", "context", "enough"

struct Generation {
  std::vector<TokenId> tokens;
  StopReason stop = StopReason::kMaxTokens;
};

/// Continues a prompt token by token with a key-value cache. `on_token` is called with each token
/// as it comes. Input error when the prompt is empty or longer than the model's positions.
Generation generate(const Decoder& decoder, const std::vector<TokenId>& prompt,
                    const GenerationOptions& options,
                    const std::function<void(TokenId)>& on_token = {});

}  // namespace expandft
