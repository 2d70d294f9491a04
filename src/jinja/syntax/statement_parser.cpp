#include "jinja/syntax/statement_parser.h"

#include "base/wording.h"
#include "jinja/values/limits.h"

#include <algorithm>

namespace expandft::jinja {
namespace {

std::unique_ptr<Statement> make_statement(StatementKind kind, std::size_t at) {
  auto made = std::make_unique<Statement>();
  made->kind = kind;
  made->at = at;
  return made;
}

}  // namespace

Body StatementParser::statements(std::initializer_list<std::string_view> ends) {
  if (++depth_ > kMostLevels) {
    tokens_.fail("statements are nested more than " + std::to_string(kMostLevels) + " levels deep");
  }
  Body body;
  while (!tokens_.is(TokenKind::kEnd)) {
    const TemplateToken& token = tokens_.next();
    if (token.kind == TokenKind::kData) {
      Made data = make_statement(StatementKind::kData, token.at);
      data->text = token.text;
      body.push_back(std::move(data));
    } else if (token.kind == TokenKind::kVariableBegin) {
      Made print = make_statement(StatementKind::kPrint, token.at);
      print->expressions.push_back(expressions_.tuple());
      tokens_.expect(TokenKind::kVariableEnd);
      body.push_back(std::move(print));
    } else {
      const bool is_end = std::any_of(ends.begin(), ends.end(),
                                      [&](std::string_view name) { return tokens_.is_name(name); });
      if (is_end) {
        --depth_;
        return body;
      }
      body.push_back(statement());
      tokens_.expect(TokenKind::kBlockEnd);
    }
  }
  --depth_;
  if (ends.size() == 0) return body;
  std::string expected;
  for (const std::string_view name : ends) {
    expected += (expected.empty() ? "\"{% " : " or \"{% ") + std::string(name) + " %}\"";
  }
  tokens_.fail("the template ends where " + expected + " is expected");
}

Body StatementParser::body(std::string_view end) {
  tokens_.skip_operator(":");
  tokens_.expect(TokenKind::kBlockEnd);
  Body made = statements({end});
  tokens_.expect_name(end);
  return made;
}

Body StatementParser::loop_body(bool in_loop, std::initializer_list<std::string_view> ends) {
  const bool outer = std::exchange(in_loop_, in_loop);
  tokens_.skip_operator(":");
  tokens_.expect(TokenKind::kBlockEnd);
  Body made = statements(ends);
  in_loop_ = outer;
  return made;
}

StatementParser::Made StatementParser::statement() {
  const TemplateToken& tag = tokens_.expect(TokenKind::kName);
  const std::string& name = tag.text;
  const auto made = [&](StatementKind kind) { return make_statement(kind, tag.at); };
  if (name == "if") return if_statement(made(StatementKind::kIf));
  if (name == "for") return for_statement(made(StatementKind::kFor));
  if (name == "set") return set_statement(made(StatementKind::kSet));
  if (name == "macro") return macro_statement(made(StatementKind::kMacro));
  if (name == "call") return call_statement(made(StatementKind::kCallBlock));
  if (name == "with") return with_statement(made(StatementKind::kWith));
  if (name == "print") return print_statement(made(StatementKind::kPrint));
  if (name == "break") return break_statement(made(StatementKind::kBreak), false);
  if (name == "continue") return break_statement(made(StatementKind::kContinue), true);
  if (name == "filter") {
    Made block = made(StatementKind::kFilterBlock);
    block->filter = expressions_.filters(nullptr);
    block->body = body("endfilter");
    return block;
  }
  if (name == "generation") {
    Made block = made(StatementKind::kGeneration);
    const bool outer = std::exchange(in_loop_, false);
    block->body = body("endgeneration");
    in_loop_ = outer;
    return block;
  }
  for (const char* other :
       {"block", "extends", "include", "import", "from", "autoescape", "do", "debug", "trans"}) {
    if (name == other) tokens_.fail_at("the tag \"" + name + "\" is not supported", tag.at);
  }
  tokens_.fail_at("unknown or misplaced tag \"" + printable(name, "") + "\"", tag.at);
}

StatementParser::Made StatementParser::if_statement(Made made) {
  while (true) {
    Branch branch;
    branch.condition = expressions_.tuple(false);
    branch.body = loop_body(in_loop_, {"elif", "else", "endif"});
    made->branches.push_back(std::move(branch));
    if (!tokens_.skip_name("elif")) break;
  }
  if (tokens_.skip_name("else")) {
    Branch branch;
    branch.body = body("endif");
    made->branches.push_back(std::move(branch));
  } else {
    tokens_.expect_name("endif");
  }
  return made;
}

StatementParser::Made StatementParser::for_statement(Made made) {
  made->target = expressions_.target(false, "in");
  tokens_.expect_name("in");
  made->expressions.push_back(expressions_.tuple(false, "recursive"));
  if (tokens_.skip_name("if")) made->test = expressions_.expression();
  made->is_recursive = tokens_.skip_name("recursive");
  made->body = loop_body(true, {"endfor", "else"});
  if (tokens_.skip_name("else")) {
    made->otherwise = body("endfor");
  } else {
    tokens_.expect_name("endfor");
  }
  return made;
}

StatementParser::Made StatementParser::set_statement(Made made) {
  made->target = expressions_.target(true);
  if (tokens_.skip_operator("=")) {
    made->expressions.push_back(expressions_.tuple());
    return made;
  }
  made->kind = StatementKind::kSetBlock;
  if (tokens_.skip_operator("|")) made->filter = expressions_.filters(nullptr);
  made->body = body("endset");
  return made;
}

StatementParser::Made StatementParser::with_statement(Made made) {
  while (!tokens_.is(TokenKind::kBlockEnd)) {
    if (!made->branches.empty()) tokens_.expect_operator(",");
    Branch branch;
    branch.target = expressions_.target(false);
    tokens_.expect_operator("=");
    branch.condition = expressions_.expression();
    made->branches.push_back(std::move(branch));
  }
  made->body = body("endwith");
  return made;
}

void StatementParser::signature(MacroDefinition& macro) {
  tokens_.expect_operator("(");
  while (!tokens_.is_operator(")")) {
    if (!macro.parameters.empty()) tokens_.expect_operator(",");
    const std::size_t at = tokens_.current().at;
    std::string name = expressions_.target_name();
    if (std::find(macro.parameters.begin(), macro.parameters.end(), name) !=
        macro.parameters.end()) {
      tokens_.fail_at("the parameter \"" + name + "\" is repeated", at);
    }
    macro.parameters.push_back(std::move(name));
    if (tokens_.skip_operator("=")) {
      macro.defaults.push_back(expressions_.expression());
    } else if (!macro.defaults.empty()) {
      tokens_.fail_at("a parameter without a default follows one with a default", at);
    }
  }
  tokens_.next();
}

void StatementParser::finish(MacroDefinition& macro, std::string_view end) {
  const bool outer = std::exchange(in_loop_, false);
  macro.body = body(end);
  in_loop_ = outer;
  const auto reads = [&](const char* name) {
    const auto& parameters = macro.parameters;
    return std::find(parameters.begin(), parameters.end(), name) == parameters.end() &&
           reads_name(macro.body, name);
  };
  macro.reads_caller = reads("caller");
  macro.reads_kwargs = reads("kwargs");
  macro.reads_varargs = reads("varargs");
}

StatementParser::Made StatementParser::macro_statement(Made made) {
  auto macro = std::make_shared<MacroDefinition>();
  macro->name = expressions_.target_name();
  signature(*macro);
  finish(*macro, "endmacro");
  made->macro = std::move(macro);
  return made;
}

StatementParser::Made StatementParser::call_statement(Made made) {
  auto caller = std::make_shared<MacroDefinition>();
  if (tokens_.is_operator("(")) signature(*caller);
  made->expressions.push_back(expressions_.expression());
  if (made->expressions[0]->kind != ExpressionKind::kCall) {
    tokens_.fail_at("expected a call", made->at);
  }
  finish(*caller, "endcall");
  made->macro = std::move(caller);
  return made;
}

StatementParser::Made StatementParser::print_statement(Made made) {
  while (!tokens_.is(TokenKind::kBlockEnd)) {
    if (!made->expressions.empty()) tokens_.expect_operator(",");
    made->expressions.push_back(expressions_.expression());
  }
  return made;
}

StatementParser::Made StatementParser::break_statement(Made made, bool continues) {
  if (!in_loop_) {
    tokens_.fail_at(std::string("\"") + (continues ? "continue" : "break") + "\" outside of a loop",
                    made->at);
  }
  return made;
}

}  // namespace expandft::jinja
