#pragma once

#include "base/json.h"
#include "tokenizer/tokenizer_config.h"

#include <string>

namespace expandft {

/// The class that AutoTokenizer of transformers 5.24 chooses by tokenizer_class and the model's
/// type, without "Fast": one that sets rules of its own ("LlamaTokenizer", "GemmaTokenizer",
/// "Qwen2Tokenizer", …), or "" for the one that takes a tokenizer.json as it is. `json` is that
/// file's content, null where there is none.
std::string chosen_tokenizer_class(const TokenizerConfig& config, const Json& json);

/// The classes above keep vocabulary, merges, post_processor and, where there is no
/// added_tokens_decoder, added tokens of a tokenizer.json, and set the rest by rules of their own.
/// (Tokens that a class has by default and that the vocabulary lacks, as Gemma's "<mask>", are not
/// added here.) So does LlamaTokenizer with the dummy prefix, where
/// PrefixRule says it for tokenizer.model. Puts the rules of those that are known into `json`. A
/// class that is not known leaves it as it is, and a notice of `where` says so.
void apply_tokenizer_class(const TokenizerConfig& config, const std::string& where, Json& json,
                           Notices& notices);

}  // namespace expandft
