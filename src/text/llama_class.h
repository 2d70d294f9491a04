#pragma once

#include "base/json.h"
#include "text/tokenizer_config.h"

namespace expandft {

/// For directories whose tokenizer_class is LlamaTokenizer, transformers 5 keeps vocabulary,
/// merges, post_processor and added tokens of a tokenizer.json and sets the rest by the class's own
/// rules: the dummy prefix goes where PrefixRule says for tokenizer.model, so that a model has the
/// same ids with either file. Puts those rules into `json` where AutoTokenizer would: not for
/// byte-level files (Llama 3), nor for model types that are registered with another class.
void apply_llama_class(const TokenizerConfig& config, Json& json);

}  // namespace expandft
