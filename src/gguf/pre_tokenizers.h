#pragma once

#include "base/json.h"

#include <optional>
#include <string_view>

namespace expandft {

/// How texts are split before byte-pair encoding, by llama.cpp's name for it
/// (tokenizer.ggml.pre): steps of a tokenizer.json.
struct GgufPreTokenizer {
  Json normalizer, pre_tokenizer, decoder;
  bool ignore_merges = false;  // a word that is a token is that token
  bool byte_fallback = false;  // not byte-level: bytes are tokens of their own
  bool adds_bos = false;       // unless the file says
};

/// The steps of SentencePiece's models: spaces become "▁", with one before the text if it
/// `adds_prefix`; unknown characters become bytes.
GgufPreTokenizer sentencepiece_steps(bool adds_prefix);

/// Nothing for a name that is not known.
std::optional<GgufPreTokenizer> find_gguf_pre_tokenizer(std::string_view name);
/// "default, gpt-2, llama-bpe, …".
std::string known_gguf_pre_tokenizers();

}  // namespace expandft
