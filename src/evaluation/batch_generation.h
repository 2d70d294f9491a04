#pragma once

#include "model/decoder.h"
#include "tasks/prompt_encoder.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

struct WritingOptions {
  std::int64_t max_tokens = 256;    // written at most
  std::vector<std::string> until;   // each ends a text, and is no part of it
  std::vector<TokenId> end_tokens;  // so does each of these
  std::string where;                // what errors name
};

/// What the model writes after each prompt, taking the likeliest token every time; the prompts are
/// computed together. Special tokens are left out of the texts. The prompts leave room for
/// `max_tokens`. Failure when the model gives no likeliest token: its logits are not finite.
std::vector<std::string> write_texts(const Decoder& decoder, const Tokenizer& tokenizer,
                                     const std::vector<const TokenPrompt*>& prompts,
                                     const WritingOptions& options);

}  // namespace expandft
