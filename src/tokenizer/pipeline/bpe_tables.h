#pragma once

#include "base/json.h"
#include "tokenizer/pipeline/token.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// The largest id that a vocabulary may have: 16 times the largest published vocabulary.
inline constexpr std::int64_t kLargestTokenId = (1 << 22) - 1;

/// The vocabulary and the merges of a tokenizer.json's model, in the order of the file. They are
/// most of it (33 MB for Gemma 3), and making JSON values of them takes seconds.
struct BpeTables {
  struct Token {
    std::string_view text;
    TokenId id;
  };
  struct Merge {
    std::string_view left, right;
  };
  std::vector<Token> vocabulary;
  std::vector<Merge> merges;
  /// The texts that the views point into: the file, and those that it writes with escapes.
  std::shared_ptr<const void> texts;
};

/// The content of a tokenizer.json.
struct TokenizerContent {
  /// With `tables`, model.vocab and model.merges are empty here.
  Json json;
  std::optional<BpeTables> tables;
};

/// Parses the content of a tokenizer.json; the same errors as parse_json. Without tables if the
/// vocabulary or the merges are missing, or written in any unusual way: then `json` has all.
/// Tokens may still appear twice in the tables.
TokenizerContent parse_tokenizer_json(std::string text, const std::string& where);

}  // namespace expandft
