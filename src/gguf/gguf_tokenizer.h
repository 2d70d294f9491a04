#pragma once

#include "base/files.h"
#include "base/json.h"
#include "gguf/gguf_file.h"

#include <cstdint>
#include <optional>
#include <string>

namespace expandft {

/// The numbers of tokenizer.ggml.token_type; they are SentencePiece's.
enum class GgufTokenKind : std::int32_t {
  kNormal = 1,
  kUnknown,
  kControl,
  kUserDefined,
  kUnused,
  kByte
};

/// A file to be written beside the weights, by its path from there.
struct TextFile {
  std::string name, bytes;
};

/// The tokenizer of a GGUF file as transformers and expandft read it: tokenizer.json (from texts
/// and merges, or from SentencePiece's texts and scores), tokenizer_config.json,
/// generation_config.json and the chat templates (gguf/gguf_chat_templates.h). `model_type` is that
/// of config.json. Input errors name the key: an unknown kind of tokenizer or of splitting before
/// it (tokenizer.ggml.pre), lists of different lengths, ids beyond the vocabulary.
std::vector<TextFile> gguf_tokenizer_files(const GgufFile& file, const std::string& model_type);

}  // namespace expandft
