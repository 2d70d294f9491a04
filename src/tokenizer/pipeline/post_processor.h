#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/token.h"

#include <optional>

namespace expandft {

/// The ids that a tokenizer.json adds around every text: its "post_processor".
struct TextEnds {
  std::optional<TokenId> before, after;
};

/// Reads null, TemplateProcessing, ByteLevel or a Sequence of them. A template that adds more than
/// one token before and one after the text is an input error.
TextEnds read_post_processor(const JsonNode& node);

}  // namespace expandft
