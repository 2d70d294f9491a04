#pragma once

#include "checkpoint/model_directory.h"
#include "tokenizer/tokenizer.h"

#include <vector>

namespace expandft {

/// All ids that end a text: the tokenizer's, config.json's and generation_config.json's.
std::vector<TokenId> end_tokens(const ModelDirectory& directory, const Tokenizer& tokenizer);

}  // namespace expandft
