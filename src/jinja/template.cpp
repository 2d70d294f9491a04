#include "jinja/template.h"

#include "jinja/from_json.h"
#include "jinja/functions.h"
#include "jinja/syntax/checks.h"
#include "jinja/syntax/lexer.h"
#include "jinja/syntax/statement_parser.h"

#include <algorithm>

namespace expandft::jinja {

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  return local;
}

Template::Template(std::string_view text, std::string name) : source_(text, std::move(name)) {
  std::vector<TemplateToken> tokens = tokenize(source_);
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    has_generation_ =
        has_generation_ || (tokens[i].kind == TokenKind::kName && tokens[i].text == "generation" &&
                            tokens[i - 1].kind == TokenKind::kBlockBegin);
  }
  TemplateTokens stream(source_, std::move(tokens));
  body_ = StatementParser(stream).parse();
  check_syntax(source_, body_);
}

Rendering Template::render(const Json& context, const RenderOptions& options) const {
  Runtime runtime(source_, options.limits, options.now);
  const auto variables = std::make_shared<Scope>(environment_scope());
  for (const auto& [name, value] : context.items()) {
    variables->set(name, from_json(runtime, value));
  }
  Evaluator evaluator(runtime, std::make_shared<Scope>(variables));
  evaluator.run(body_);
  return {std::move(evaluator.text), std::move(evaluator.generated),
          evaluator.has_hidden_generation};
}

}  // namespace expandft::jinja
