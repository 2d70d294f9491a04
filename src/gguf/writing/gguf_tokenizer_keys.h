#pragma once

#include "base/files.h"
#include "base/json.h"
#include "gguf/writing/gguf_vocabulary.h"
#include "gguf/writing/gguf_writer.h"
#include "tokenizer/tokenizer.h"

#include <string>

namespace expandft {

/// What the keys of a tokenizer are made from.
struct TokenizerToWrite {
  const fs::path& directory;   // with the tokenizer's files
  const Tokenizer& tokenizer;  // of it
  const Json& config;          // config.json
  const GgufVocabulary& vocabulary;
  std::string architecture;  // llama.cpp's name
};

/// The keys "tokenizer.…" in the order of llama.cpp's converter: the vocabulary, the ids of named
/// tokens, what is added to texts, the chat templates. Where the tokenizer does something else than
/// llama.cpp does without a key, the key is written.
void add_tokenizer_keys(const TokenizerToWrite& from, GgufMetadata& metadata);

}  // namespace expandft
