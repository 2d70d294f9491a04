#pragma once

#include "jinja/syntax/token.h"
#include "jinja/values/source.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace expandft::jinja {

/// The tokens that a parser reads, one after the other.
class TemplateTokens {
 public:
  TemplateTokens(const Source& source, std::vector<TemplateToken> tokens)
      : source_(source), tokens_(std::move(tokens)) {}

  const TemplateToken& current() const { return tokens_[at_]; }
  const TemplateToken& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  /// The current token; goes on to the next.
  const TemplateToken& next() {
    const TemplateToken& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }

  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_operator(std::string_view text) const {
    return is(TokenKind::kOperator) && current().text == text;
  }
  bool is_name(std::string_view text) const {
    return is(TokenKind::kName) && current().text == text;
  }
  bool skip_operator(std::string_view text) { return is_operator(text) && (next(), true); }
  bool skip_name(std::string_view text) { return is_name(text) && (next(), true); }

  /// Input errors: another token.
  const TemplateToken& expect(TokenKind kind);
  void expect_operator(std::string_view text);
  void expect_name(std::string_view text);

  [[noreturn]] void fail(const std::string& what) const { fail_at(what, current().at); }
  [[noreturn]] void fail_at(const std::string& what, std::size_t at) const {
    throw source_.error(what, at);
  }

 private:
  [[noreturn]] void fail_expected(const std::string& what) const;

  const Source& source_;
  std::vector<TemplateToken> tokens_;  // the last is kEnd
  std::size_t at_ = 0;
};

/// A token in a message: "the name \"foo\"", "end of template".
std::string described(const TemplateToken& token);

}  // namespace expandft::jinja
