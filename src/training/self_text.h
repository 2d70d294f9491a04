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

/// Texts that a model writes by itself: sampled token by token from its own distribution, starting
/// with nothing but the token that begins a text. They serve as retention text where the base's
/// training data is not available. The same seed, model and machine give the same texts. Every
/// token except the first has a loss. `progress` gets the tokens drawn so far and their maximum.
Dataset sample_self_text(const Decoder& decoder, const SelfTextOptions& options,
                         const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// Writes and reads such texts: their ids end to end, and the offset of each. Failure when the file
/// cannot be written; input error when it is damaged or has ids beyond `vocab`.
void write_self_text(const fs::path& file, const Dataset& texts);
Dataset read_self_text(const fs::path& file, std::int64_t vocab);

/// The ids of each text, for sending them to other ranks.
Json self_text_json(const Dataset& texts);
Dataset parse_self_text(const Json& json);

}  // namespace expandft
