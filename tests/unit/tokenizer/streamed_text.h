#pragma once

#include "tokenizer/generated_text.h"
#include "tokenizer/tokenizer.h"

#include <string>
#include <vector>

/// The text of the tokens, decoded one after the other as in generation.
inline std::string streamed_text(const expandft::Tokenizer& tokenizer,
                                 const std::vector<expandft::TokenId>& ids, bool skip_special) {
  expandft::StreamDecoder decoder(tokenizer, false, skip_special);
  std::string text;
  for (const expandft::TokenId id : ids) text += decoder.push(id);
  return text + decoder.finish();
}
