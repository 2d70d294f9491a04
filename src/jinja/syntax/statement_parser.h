#pragma once

#include "jinja/syntax/expression_parser.h"
#include "jinja/syntax/syntax.h"
#include "jinja/syntax/template_tokens.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace expandft::jinja {

/// A template's statements, with Jinja's grammar and the tags of transformers' environment: break,
/// continue and generation. Input errors: what is not of that grammar, tags that load other
/// templates, which there are none of, and statements nested more than kMostLevels deep.
class StatementParser {
 public:
  explicit StatementParser(TemplateTokens& tokens) : tokens_(tokens), expressions_(tokens) {}

  Body parse() { return statements({}); }

 private:
  using Made = std::unique_ptr<Statement>;

  /// Up to the tag of one of these names, which becomes the current token.
  Body statements(std::initializer_list<std::string_view> ends);
  /// The body of a tag, whose end is next, up to `end`, which is taken.
  Body body(std::string_view end);
  Body loop_body(bool in_loop, std::initializer_list<std::string_view> ends);
  Made statement();
  Made for_statement(Made made);
  Made if_statement(Made made);
  Made set_statement(Made made);
  Made with_statement(Made made);
  Made macro_statement(Made made);
  Made call_statement(Made made);
  Made print_statement(Made made);
  Made break_statement(Made made, bool continues);
  void signature(MacroDefinition& macro);
  void finish(MacroDefinition& macro, std::string_view end);

  TemplateTokens& tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
  bool in_loop_ = false;  // where break and continue may stand
};

}  // namespace expandft::jinja
