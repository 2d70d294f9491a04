#pragma once

#include "base/json.h"
#include "tokenizer/pipeline/added_tokens.h"
#include "tokenizer/pipeline/bpe_model.h"
#include "tokenizer/pipeline/normalizer.h"
#include "tokenizer/pipeline/post_processor.h"
#include "tokenizer/pipeline/pre_tokenizer.h"
#include "tokenizer/pipeline/token_decoder.h"

#include <string>
#include <vector>

namespace expandft {

/// The parts of a tokenizer.json, in the order in which text passes through them. "truncation" and
/// "padding" are left aside: they do not concern a tokenizer's ids.
struct TokenizerJson {
  std::vector<AddedToken> added;  // in the file's order, each with its id
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  TextEnds ends;
  TokenDecoder decoder;
};

/// Reads and checks the file's content. Whatever is damaged or not supported is an input error that
/// names `file` and the JSON path.
TokenizerJson read_tokenizer_json(const Json& json, const std::string& file);

}  // namespace expandft
