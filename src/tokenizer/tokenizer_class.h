#pragma once

#include "base/json.h"
#include "tokenizer/tokenizer_config.h"

#include <string>

namespace expandft {

/// The class that AutoTokenizer of transformers 5.24 chooses by tokenizer_class and the model's
/// type, without "Fast": one with its own rules ("LlamaTokenizer", "GemmaTokenizer",
/// "Qwen2Tokenizer", …), or "" for the one that uses tokenizer.json as it is. `json`: that file's
/// content, or null.
std::string chosen_tokenizer_class(const TokenizerConfig& config, const Json& json);

/// Those classes keep the vocabulary, merges and post_processor of a tokenizer.json, and its added
/// tokens unless there is an added_tokens_decoder. They replace the rest by their own rules, for
/// LlamaTokenizer including the dummy prefix (PrefixRule is the same for tokenizer.model). Writes
/// the rules of a known class into `json`. An unknown class leaves it unchanged and adds a notice
/// at `where`. Tokens that a class has by default and that the vocabulary lacks, such as Gemma's
/// "<mask>", are not added.
void apply_tokenizer_class(const TokenizerConfig& config, const std::string& where, Json& json,
                           Notices& notices);

}  // namespace expandft
