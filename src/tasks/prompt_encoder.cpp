#include "tasks/prompt_encoder.h"

#include "base/error.h"
#include "base/unicode.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

using Tokens = std::vector<TokenId>;

Tokens part(const Tokens& tokens, std::size_t begin, std::size_t end) {
  return {tokens.begin() + static_cast<std::ptrdiff_t>(begin),
          tokens.begin() + static_cast<std::ptrdiff_t>(end)};
}

Tokens with_first(TokenId first, const Tokens& tokens) {
  Tokens out{first};
  out.insert(out.end(), tokens.begin(), tokens.end());
  return out;
}

}  // namespace

PromptEncoder::PromptEncoder(const Tokenizer& tokenizer, std::int64_t max_positions)
    : tokenizer_(tokenizer),
      max_positions_(max_positions),
      adds_bos_(tokenizer.adds_bos() && tokenizer.bos().has_value()) {}

Tokens PromptEncoder::encode(const std::string& text) const {
  const bool has_bos = adds_bos_ && text.starts_with(tokenizer_.token(*tokenizer_.bos()));
  return tokenizer_.encode(text, {.bos = adds_bos_ && !has_bos});
}

TokenId PromptEncoder::first_token(const std::string& where) const {
  const auto token = tokenizer_.bos() ? tokenizer_.bos() : tokenizer_.eos();
  if (token) return *token;
  throw input_error("the text has no context, and the tokenizer has neither BOS nor EOS", where,
                    "give the task a prompt");
}

TokenRequest PromptEncoder::fitted(TokenRequest request, const std::string& where) const {
  const auto longest = static_cast<std::size_t>(max_positions_);
  if (request.continuation.empty()) {
    throw input_error("the text to score adds no tokens to its prompt", where);
  }
  if (request.continuation.size() > longest) {
    throw input_error("the text to score has " + std::to_string(request.continuation.size()) +
                          " tokens; the model reads at most " + std::to_string(max_positions_) +
                          " (max_position_embeddings)",
                      where, "remove the row, or use a model with a longer context");
  }
  const std::size_t room = longest + 1 - request.continuation.size();
  if (request.context.size() > room) {
    request.context.erase(request.context.begin(),
                          request.context.end() - static_cast<std::ptrdiff_t>(room));
    request.truncated = true;
  }
  return request;
}

std::vector<TokenRequest> PromptEncoder::pairs(const std::vector<LikelihoodText>& texts,
                                               const std::string& where) const {
  std::vector<TokenRequest> requests;
  std::string last;  // encoded in last_tokens: choices mostly share one context
  Tokens last_tokens;
  for (const LikelihoodText& text : texts) {
    const std::size_t kept = text.context.size() - trailing_space(text.context);
    const std::string context = text.context.substr(0, kept);
    const std::string continuation = text.context.substr(kept) + text.continuation;
    if (last_tokens.empty() || context != last) {
      last = context;
      last_tokens = context.empty() ? Tokens() : encode(context);
    }
    if (last_tokens.empty()) {
      const TokenId first = first_token(where);
      Tokens tokens = tokenizer_.encode(continuation, {});
      if (tokens.empty() || tokens.front() != first) tokens = with_first(first, tokens);
      requests.push_back(fitted({{first}, part(tokens, 1, tokens.size())}, where));
      continue;
    }
    const Tokens whole = encode(context + continuation);
    const std::size_t length = std::min(last_tokens.size(), whole.size());
    requests.push_back(fitted({last_tokens, part(whole, length, whole.size())}, where));
  }
  return requests;
}

std::vector<TokenRequest> PromptEncoder::windows(const std::string& text,
                                                 const std::string& where) const {
  Tokens tokens = encode(text);
  if (tokens.empty()) throw input_error("the document has no tokens", where);
  tokens = with_first(first_token(where), tokens);
  const auto longest = static_cast<std::size_t>(max_positions_);
  std::vector<TokenRequest> requests;
  for (std::size_t done = 1; done < tokens.size();) {
    const std::size_t end = std::min(done + longest, tokens.size());
    // The last window starts earlier, so it is as long as the others.
    const std::size_t begin = end > longest + 1 ? end - longest - 1 : 0;
    requests.push_back({part(tokens, begin, done), part(tokens, done, end)});
    done = end;
  }
  return requests;
}

TokenPrompt PromptEncoder::prompt(const std::string& text, std::int64_t max_tokens,
                                  const std::string& where) const {
  const std::int64_t room = max_positions_ - max_tokens;
  if (room < 1) {
    throw input_error("max_tokens of " + std::to_string(max_tokens) +
                          " leave no room for a prompt; the model reads at most " +
                          std::to_string(max_positions_) + " tokens (max_position_embeddings)",
                      where, "lower max_tokens in the task's file");
  }
  TokenPrompt prompt{encode(text)};
  if (prompt.tokens.empty()) prompt.tokens.push_back(first_token(where));
  if (std::ssize(prompt.tokens) > room) {
    prompt.tokens.erase(prompt.tokens.begin(), prompt.tokens.end() - room);
    prompt.truncated = true;
  }
  return prompt;
}

}  // namespace expandft
