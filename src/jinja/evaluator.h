#pragma once

#include "jinja/scope.h"
#include "jinja/syntax/syntax.h"
#include "jinja/values/runtime.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace expandft::jinja {

/// Bytes [begin, end) of a rendered text.
struct GeneratedSpan {
  std::size_t begin = 0, end = 0;
  bool operator==(const GeneratedSpan&) const = default;
};

/// Walks a template's statements and writes their text. Scopes are Jinja's: passes of a loop,
/// macros, blocks that are captured and `with` have their own; if has not.
class Evaluator {
 public:
  Evaluator(Runtime& runtime, std::shared_ptr<Scope> scope)
      : runtime_(runtime), scope_(std::move(scope)), output_(&text) {}

  void run(const Body& body) { execute(body); }

  std::string text;
  /// What generation blocks wrote to the text itself.
  std::vector<GeneratedSpan> generated;
  /// Whether one stood in a macro or a captured block, so that its place is not known.
  bool has_hidden_generation = false;

 private:
  enum class Flow { kNext, kBreak, kContinue };

  /// While it lives, one more node is evaluated within nodes.
  class Level {
   public:
    explicit Level(Evaluator& evaluator) : evaluator_(evaluator) { evaluator_.enter_level(); }
    ~Level() { --evaluator_.levels_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Evaluator& evaluator_;
  };

  /// While it lives, names are set in a new scope.
  class InnerScope {
   public:
    InnerScope(Evaluator& evaluator, std::shared_ptr<Scope> outside)
        : evaluator_(evaluator), before_(evaluator.scope_) {
      evaluator.scope_ = std::make_shared<Scope>(std::move(outside));
    }
    explicit InnerScope(Evaluator& evaluator) : InnerScope(evaluator, evaluator.scope_) {}
    ~InnerScope() { evaluator_.scope_ = std::move(before_); }
    InnerScope(const InnerScope&) = delete;
    InnerScope& operator=(const InnerScope&) = delete;

   private:
    Evaluator& evaluator_;
    std::shared_ptr<Scope> before_;
  };

  void enter_level();

  // Statements.
  Flow execute(const Body& body);
  Flow execute(const Statement& statement);
  Flow execute_if(const Statement& statement);
  void execute_for(const Statement& statement);
  void execute_call(const Statement& statement);
  void execute_generation(const Statement& statement);
  Flow execute_set_block(const Statement& statement);
  Flow execute_filter_block(const Statement& statement);
  Flow execute_with(const Statement& statement);
  void run_loop(const Statement& statement, const Value& elements, std::int64_t depth0);
  Next filtered(const Statement& statement, Next elements);
  void write(std::string_view bytes);
  void assign(const Expression& target, const Value& value);
  void assign_attribute(const Expression& target, const Value& value);
  /// The body's text, written in a scope of its own unless there is one already.
  std::string captured(const Body& body, Flow* flow);

  // Macros.
  Value macro_value(const std::shared_ptr<const MacroDefinition>& macro);
  std::string call_macro(const MacroDefinition& macro, const std::shared_ptr<Scope>& outside,
                         Arguments arguments);
  void bind(const MacroDefinition& macro, Arguments arguments);

  // Expressions.
  Value evaluate(const Expression& expression);
  Value evaluate_name(const Expression& expression);
  Value evaluate_collection(const Expression& expression);
  Value evaluate_slice(const Expression& expression);
  Value evaluate_call(const Expression& expression, const Value* caller = nullptr);
  Value evaluate_filter(const Expression& expression);
  Value evaluate_arithmetic(const Expression& expression);
  Value evaluate_concatenation(const Expression& expression);
  bool evaluate_comparison(const Expression& expression);
  Value evaluate_conditional(const Expression& expression);
  Arguments evaluate_arguments(const CallArguments& arguments);
  /// What errors from now on name as their place.
  void at(const Expression& expression) { runtime_.at = expression.at; }

  Runtime& runtime_;
  std::shared_ptr<Scope> scope_;
  std::string* output_;
  Value block_text_;  // of the block whose filter is evaluated
  int levels_ = 0;
};

}  // namespace expandft::jinja
