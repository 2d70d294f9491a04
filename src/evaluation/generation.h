#pragma once

#include "evaluation/sampler.h"
#include "model/decoder.h"
#include "tasks/prompt_encoder.h"
#include "tokenizer/tokenizer.h"

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
  /// Called with each token; returning true ends the text after it. May be empty.
  std::function<bool(TokenId)> is_enough = {};
  std::string where = {};  // named by errors of generate_together
};

/// Why a text ended.
enum class StopReason {
  kEnd,        // the model chose an end token
  kMaxTokens,  // it has max_tokens
  kContext,    // the model has no position left
  kEnough,     // GenerationOptions::is_enough
};
std::string stop_text(StopReason reason);  // "end", "max_tokens", "context", "stop"

struct Generation {
  std::vector<TokenId> tokens;
  StopReason stop = StopReason::kMaxTokens;
};

/// Input error at `where` when the prompt is empty or longer than the model's positions.
void check_prompt(const std::vector<TokenId>& prompt, std::int64_t max_positions,
                  const std::string& where);

/// Continues a prompt token by token with a key-value cache. `on_token` is called with each token
/// as soon as it is drawn. Errors of check_prompt; failure when the logits are not finite.
Generation generate(const Decoder& decoder, const std::vector<TokenId>& prompt,
                    const GenerationOptions& options,
                    const std::function<void(TokenId)>& on_token = {});

/// Continues all prompts together, each until its own end; the tokens are those of generate() for
/// each prompt alone, up to rounding. Prompt i draws with seed + i. `is_enough` is called with the
/// prompt's index and each token of its text; returning true ends the text after it. options.where
/// is named by errors, which are generate()'s. options.is_enough is ignored.
std::vector<Generation> generate_together(
    const Decoder& decoder, const std::vector<const std::vector<TokenId>*>& prompts,
    const GenerationOptions& options,
    const std::function<bool(std::size_t, TokenId)>& is_enough = {});

struct WritingOptions {
  std::int64_t max_tokens = 256;
  std::vector<std::string> until;   // each ends a text, and is not part of it
  std::vector<TokenId> end_tokens;  // likewise
  std::string where;                // named by errors
};

/// Continues all prompts together, always with the likeliest token. The texts have no special
/// tokens. The prompts must leave room for `max_tokens`. Failure when the logits are not finite.
std::vector<std::string> write_texts(const Decoder& decoder, const Tokenizer& tokenizer,
                                     const std::vector<const TokenPrompt*>& prompts,
                                     const WritingOptions& options);

}  // namespace expandft
