#pragma once

#include "tokenizer/tokenizer.h"

/// The tokenizer of data/stories260K, loaded once.
inline const expandft::Tokenizer& stories_tokenizer() {
  static const auto tokenizer =
      expandft::Tokenizer::load(std::filesystem::path(EXPANDFT_DATA) / "stories260K");
  return *tokenizer;
}
