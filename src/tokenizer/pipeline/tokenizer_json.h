#pragma once

#include "tokenizer/pipeline/added_tokens.h"
#include "tokenizer/pipeline/bpe_model.h"
#include "tokenizer/pipeline/bpe_tables.h"
#include "tokenizer/pipeline/normalizer.h"
#include "tokenizer/pipeline/pre_tokenizer.h"
#include "tokenizer/pipeline/token_decoder.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The ids that a tokenizer.json adds around every text: its "post_processor".
struct TextEnds {
  std::optional<TokenId> before, after;
};

/// The parts of a tokenizer.json, in the order in which they process text. "truncation" and
/// "padding" are ignored, since they are for batches.
struct TokenizerJson {
  std::vector<AddedToken> added;  // in the file's order, each with its id
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  TextEnds ends;
  TokenDecoder decoder;
};

/// Reads and checks the file's content. Input errors, at `file` and the JSON path, for whatever is
/// malformed or not supported.
TokenizerJson read_tokenizer_json(const TokenizerContent& content, const std::string& file);

}  // namespace expandft
