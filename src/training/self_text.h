#pragma once

#include "base/json.h"
#include "data/dataset.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>

namespace expandft {

struct SelfTextOptions {
  std::int64_t samples = 256, length = 256;  // number of texts, and maximum tokens of each
  TokenId begin = 0;                         // the token that every text begins with
  std::optional<TokenId> end;                // the token that ends one early
  std::uint64_t seed = 0;
};

/// A text for a model to continue.
struct TextPrompt {
  std::vector<TokenId> tokens;  // at least one
  std::vector<TokenId> ends;    // tokens that end what is written
};

/// Texts that a model writes by itself: sampled token by token from its own distribution, starting
/// with nothing but the token that begins a text. They serve as retention text where the base's
/// training data is not available. The same seed, model and machine give the same texts. Every
/// token except the first has a loss. `progress` gets the tokens drawn so far and their maximum.
Dataset sample_self_text(const Decoder& decoder, const SelfTextOptions& options,
                         const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// Texts that a model writes after prompts, of which text i continues the one at i modulo their
/// number: sampled in the same way until a token of its `ends` or until prompt and continuation
/// have `options.length` tokens together, of which each prompt must leave at least one. What was
/// written has a loss, the prompts have none. `options.begin` and `end` are not used.
Dataset sample_continuations(const Decoder& decoder, const SelfTextOptions& options,
                             const std::vector<TextPrompt>& prompts,
                             const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// Writes and reads such texts: their ids end to end, the offset of each, and how many of its
/// tokens are a prompt. Failure when the file cannot be written; input error when it is damaged or
/// has ids beyond `vocab`.
void write_self_text(const fs::path& file, const Dataset& texts);
Dataset read_self_text(const fs::path& file, std::int64_t vocab);

/// The ids of each text and the length of its prompt, for sending them to other ranks.
Json self_text_json(const Dataset& texts);
Dataset parse_self_text(const Json& json);

}  // namespace expandft
