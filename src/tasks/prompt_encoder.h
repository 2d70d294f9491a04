#pragma once

#include "tasks/example.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// A request for the likelihood of `continuation` after `context`. Neither is empty, and the model
/// has a position for each token except the last.
struct TokenRequest {
  std::vector<TokenId> context, continuation;
  bool truncated = false;  // the context lost its start
};

/// A prompt in tokens.
struct TokenPrompt {
  std::vector<TokenId> tokens;
  bool truncated = false;  // it lost its start
};

/// Encodes texts as lm-evaluation-harness does: BOS if the tokenizer's own settings add it and the
/// text does not start with it; spaces at the end of a context move to the continuation; the
/// continuation's tokens are those of both texts together after those of the context; an empty
/// context becomes BOS, or EOS without BOS.
class PromptEncoder {
 public:
  /// `max_positions`: of the model. The tokenizer must outlive the encoder.
  PromptEncoder(const Tokenizer& tokenizer, std::int64_t max_positions);

  /// One request for each text. Input error at `where` if a continuation has no tokens, or more
  /// than the model reads.
  std::vector<TokenRequest> pairs(const std::vector<LikelihoodText>& texts,
                                  const std::string& where) const;
  /// A document in windows of as many tokens as the model reads. Each token is predicted once: in
  /// the first window after the token of the empty context, in the others after at least one token
  /// of the text.
  std::vector<TokenRequest> windows(const std::string& text, const std::string& where) const;
  /// A prompt that leaves room for `max_tokens` more. Input error at `where` if that is impossible.
  TokenPrompt prompt(const std::string& text, std::int64_t max_tokens,
                     const std::string& where) const;

  /// Whether texts start with BOS.
  bool adds_bos() const { return adds_bos_; }

 private:
  std::vector<TokenId> encode(const std::string& text) const;
  /// The token of an empty context. Input error for a tokenizer with neither BOS nor EOS.
  TokenId first_token(const std::string& where) const;
  TokenRequest fitted(TokenRequest request, const std::string& where) const;

  const Tokenizer& tokenizer_;
  std::int64_t max_positions_;
  bool adds_bos_;
};

}  // namespace expandft
