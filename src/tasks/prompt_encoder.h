#pragma once

#include "tasks/example.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// A request in tokens: how likely `continuation` is after `context`. Neither is empty, and a model
/// has a position for each token but the last.
struct TokenRequest {
  std::vector<TokenId> context, continuation;
  bool truncated = false;  // the context lost its beginning
};

/// A prompt in tokens.
struct TokenPrompt {
  std::vector<TokenId> tokens;
  bool truncated = false;  // it lost its beginning
};

/// Cuts texts into tokens as lm-evaluation-harness does: BOS where the tokenizer's own settings add
/// it and the text does not begin with it; spaces at the end of a context go to the continuation;
/// the continuation's tokens are those of both texts together behind those of the context; an
/// empty context is BOS, or else EOS.
class PromptEncoder {
 public:
  /// `max_positions`: of the model. The tokenizer must outlive it.
  PromptEncoder(const Tokenizer& tokenizer, std::int64_t max_positions);

  /// Input error at `where` when a continuation has no tokens, or more than the model reads.
  std::vector<TokenRequest> pairs(const std::vector<LikelihoodText>& texts,
                                  const std::string& where) const;
  /// A document in windows of as many tokens as the model reads, each token predicted once: the
  /// first window's from the empty context's token on, those of the others with at least one token
  /// of the text before them.
  std::vector<TokenRequest> windows(const std::string& text, const std::string& where) const;
  /// A prompt that leaves room for `max_tokens` more. Input error at `where` when there is none.
  TokenPrompt prompt(const std::string& text, std::int64_t max_tokens,
                     const std::string& where) const;

  /// Whether BOS stands before texts.
  bool adds_bos() const { return adds_bos_; }

 private:
  std::vector<TokenId> encode(const std::string& text) const;
  /// Stands in an empty context's place. Input error for a tokenizer with neither BOS nor EOS.
  TokenId first_token(const std::string& where) const;
  TokenRequest fitted(TokenRequest request, const std::string& where) const;

  const Tokenizer& tokenizer_;
  std::int64_t max_positions_;
  bool adds_bos_;
};

}  // namespace expandft
