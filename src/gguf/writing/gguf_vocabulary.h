#pragma once

#include "base/files.h"
#include "base/json.h"
#include "gguf/gguf_tokenizer.h"
#include "tokenizer/json_tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// The tokens of a GGUF file: as many as the embedding has rows.
struct GgufVocabulary {
  std::string model;  // "llama" (SentencePiece) or "gpt2" (byte-level)
  std::string pre;    // llama.cpp's name of how texts are split before
  std::vector<std::string> tokens;
  std::vector<float> scores;  // of "llama"
  std::vector<GgufTokenKind> kinds;
  std::vector<std::string> merges;  // of "gpt2"

  bool is_sentencepiece() const { return model == "llama"; }
};

/// The vocabulary of a model directory with `rows` rows in its embedding: of tokenizer.model, as
/// llama.cpp's converter prefers, else of tokenizer.json. Rows without a token get "[PAD7]". Input
/// errors at the file for what llama.cpp has no form for: Unigram models, merges that are not in
/// the order of scores, splitting that it has no name for, a normalizer. `tokenizer` is the
/// directory's.
GgufVocabulary gguf_vocabulary(const fs::path& directory, const Tokenizer& tokenizer,
                               std::int64_t rows);

/// Of a tokenizer.model, and of the added tokens in the files beside it.
GgufVocabulary sentencepiece_vocabulary(const fs::path& directory, std::int64_t rows);
/// Of a tokenizer.json with the rules of its class (apply_tokenizer_class): byte-level, or with
/// bytes as tokens. SentencePiece's scores are then derived from the order of the merges.
GgufVocabulary json_vocabulary(const JsonTokenizer::Files& files, std::int64_t rows);

/// llama.cpp's name of a byte-level tokenizer.json's splitting. Input error at `where` for one that
/// it has no name for.
std::string gguf_pre_tokenizer_name(const Json& tokenizer, const std::string& where);

/// Whether llama.cpp's converter takes a token for a control token although nothing says so.
bool looks_like_control(std::string_view token);

}  // namespace expandft
