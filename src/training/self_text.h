#pragma once

#include "base/json.h"
#include "data/dataset.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>

namespace expandft {

struct SelfTextOptions {
  std::int64_t samples = 256, length = 256;  // texts, and the most tokens of each
  TokenId begin = 0;                         // the token that every text begins with
  std::optional<TokenId> end;                // the token that ends one early
  std::uint64_t seed = 0;
};

/// Texts of a model's own kind: drawn from its distribution, token by token, from the beginning of
/// a text on. The same seed, model and machine give the same texts. Every token but the first is
/// marked as learned. `progress` gets the tokens drawn so far and the most there can be.
Dataset sample_self_text(const Decoder& decoder, const SelfTextOptions& options,
                         const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// Keeps such texts: their ids, end to end, and where each begins. A failure when it cannot be
/// written; input errors when the file is damaged, or has ids past `vocab`.
void write_self_text(const fs::path& file, const Dataset& texts);
Dataset read_self_text(const fs::path& file, std::int64_t vocab);

/// The ids of each text, to tell them to other ranks.
Json self_text_json(const Dataset& texts);
Dataset parse_self_text(const Json& json);

}  // namespace expandft
