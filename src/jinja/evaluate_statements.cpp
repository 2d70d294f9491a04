#include "jinja/evaluator.h"
#include "jinja/values/loop.h"
#include "jinja/values/printing.h"

#include <utility>

namespace expandft::jinja {

Evaluator::Flow Evaluator::execute(const Body& body) {
  for (const auto& statement : body) {
    if (const Flow flow = execute(*statement); flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute(const Statement& statement) {
  const Level level(*this);
  runtime_.at = statement.at;
  switch (statement.kind) {
    case StatementKind::kData:
      write(statement.text);
      break;
    case StatementKind::kPrint:
      for (const ExpressionPtr& expression : statement.expressions) {
        const Value value = evaluate(*expression);
        runtime_.at = statement.at;
        write(text_of(runtime_, value));
      }
      break;
    case StatementKind::kIf:
      return execute_if(statement);
    case StatementKind::kFor:
      execute_for(statement);
      break;
    case StatementKind::kSet:
      assign(*statement.target, evaluate(*statement.expressions[0]));
      break;
    case StatementKind::kSetBlock:
      return execute_set_block(statement);
    case StatementKind::kMacro:
      scope_->set(statement.macro->name, macro_value(statement.macro));
      break;
    case StatementKind::kCallBlock:
      execute_call(statement);
      break;
    case StatementKind::kFilterBlock:
      return execute_filter_block(statement);
    case StatementKind::kWith:
      return execute_with(statement);
    case StatementKind::kGeneration:
      execute_generation(statement);
      break;
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

void Evaluator::write(std::string_view bytes) {
  if (static_cast<std::int64_t>(output_->size() + bytes.size()) > runtime_.limits.output) {
    runtime_.fail("the text has more than " + std::to_string(runtime_.limits.output) +
                  " bytes, which is the limit of a rendering");
  }
  *output_ += bytes;
}

std::string Evaluator::captured(const Body& body, Flow* flow) {
  std::string written;
  std::string* const outer = std::exchange(output_, &written);
  *flow = execute(body);
  output_ = outer;  // after an error nothing is written any more
  runtime_.reserve(written.size());
  return written;
}

Evaluator::Flow Evaluator::execute_if(const Statement& statement) {
  for (const Branch& branch : statement.branches) {
    if (branch.condition == nullptr || truth(evaluate(*branch.condition))) {
      return execute(branch.body);
    }
  }
  return Flow::kNext;
}

void Evaluator::execute_call(const Statement& statement) {
  const Value caller = macro_value(statement.macro);
  const Value result = evaluate_call(*statement.expressions[0], &caller);
  runtime_.at = statement.at;
  write(text_of(runtime_, result));
}

void Evaluator::execute_generation(const Statement& statement) {
  const InnerScope scope(*this);
  Flow flow = Flow::kNext;  // neither break nor continue leaves the block
  const std::string written = captured(statement.body, &flow);
  if (output_ == &text) {
    generated.push_back({text.size(), text.size() + written.size()});
  } else {
    has_hidden_generation = true;
  }
  write(written);
}

Evaluator::Flow Evaluator::execute_set_block(const Statement& statement) {
  Value value;
  {
    const InnerScope scope(*this);
    Flow flow = Flow::kNext;
    std::string written = captured(statement.body, &flow);
    if (flow != Flow::kNext) return flow;
    value = runtime_.text(std::move(written));
    if (statement.filter != nullptr) {
      Value outer = std::exchange(block_text_, value);
      value = evaluate(*statement.filter);
      block_text_ = std::move(outer);
    }
  }
  assign(*statement.target, value);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_filter_block(const Statement& statement) {
  const InnerScope scope(*this);
  Flow flow = Flow::kNext;
  std::string written = captured(statement.body, &flow);
  if (flow != Flow::kNext) return flow;
  Value outer = std::exchange(block_text_, runtime_.text(std::move(written)));
  const Value value = evaluate(*statement.filter);
  block_text_ = std::move(outer);
  runtime_.at = statement.at;
  write(text_of(runtime_, value));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_with(const Statement& statement) {
  const std::shared_ptr<Scope> outside = scope_;
  const InnerScope scope(*this);
  const std::shared_ptr<Scope> inside = scope_;
  for (const Branch& branch : statement.branches) {
    scope_ = outside;  // the values do not see the names
    const Value value = evaluate(*branch.condition);
    scope_ = inside;
    assign(*branch.target, value);
  }
  return execute(statement.body);
}

void Evaluator::assign(const Expression& target, const Value& value) {
  if (target.kind == ExpressionKind::kName) {
    scope_->set(target.name, value);
    return;
  }
  at(target);
  if (target.kind == ExpressionKind::kSpaceTarget) {
    assign_attribute(target, value);
    return;
  }
  if (value.is_undefined()) runtime_.fail("cannot unpack: the value is undefined");
  const std::vector<Value> elements = runtime_.elements(value);
  if (elements.size() != target.parts.size()) {
    runtime_.fail("expected " + std::to_string(target.parts.size()) + " values to unpack, found " +
                  std::to_string(elements.size()));
  }
  for (std::size_t i = 0; i < elements.size(); ++i) assign(*target.parts[i], elements[i]);
}

void Evaluator::assign_attribute(const Expression& target, const Value& value) {
  const Value* const space = scope_->find(target.name);
  if (space == nullptr || !space->is(ValueKind::kNamespace)) {
    runtime_.fail("cannot assign an attribute of \"" + target.name + "\", which is no namespace");
  }
  if (target.attribute.starts_with('_')) {
    runtime_.fail("namespaces have no attributes that begin with \"_\": \"" + target.attribute +
                  "\"");
  }
  runtime_.reserve(sizeof(Value));
  space->shared_dict()->set(string_value(target.attribute), value);
}

void Evaluator::execute_for(const Statement& statement) {
  const Value elements = evaluate(*statement.expressions[0]);
  runtime_.at = statement.at;
  run_loop(statement, elements, 0);
}

Next Evaluator::filtered(const Statement& statement, Next elements) {
  // Each element is tested when the loop asks for it.
  return [this, &statement, elements = std::move(elements),
          outside = scope_]() -> std::optional<Value> {
    while (std::optional<Value> element = elements()) {
      const InnerScope scope(*this, outside);
      assign(*statement.target, *element);
      if (!truth(evaluate(*statement.test))) continue;
      // What was unpacked becomes a tuple.
      const bool unpacks = statement.target->kind == ExpressionKind::kTuple;
      return unpacks ? runtime_.tuple(runtime_.elements(*element)) : *element;
    }
    return std::nullopt;
  };
}

void Evaluator::run_loop(const Statement& statement, const Value& elements, std::int64_t depth0) {
  const auto loop = std::make_shared<Loop>();
  loop->levels = runtime_.levels_around(elements.levels());
  loop->next = runtime_.iterate(elements);
  loop->depth0 = depth0;
  if (statement.test != nullptr) {
    loop->next = filtered(statement, std::move(loop->next));
  } else if (!elements.is(ValueKind::kLoop)) {
    loop->known_length = runtime_.length(elements);
  }
  if (statement.is_recursive) {
    loop->recurse = [this, &statement, outside = scope_, depth0](Runtime& runtime,
                                                                 Arguments arguments) {
      if (arguments.positional.size() != 1) runtime.fail("loop() takes one argument");
      const InnerScope scope(*this, outside);
      std::string written;
      std::string* const outer = std::exchange(output_, &written);
      const Level level(*this);
      run_loop(statement, arguments.positional[0], depth0 + 1);
      output_ = outer;
      return runtime.text(std::move(written));
    };
  }
  const Value loop_value = Value::object(ValueKind::kLoop, loop);
  // As Jinja has it, else runs unless some pass reached the body's end.
  bool has_passed = false;
  while (loop->advance()) {
    const InnerScope scope(*this);
    scope_->set("loop", loop_value);
    assign(*statement.target, loop->current);
    const Flow flow = execute(statement.body);
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kNext) has_passed = true;
  }
  loop->changed.reset();
  if (has_passed || statement.otherwise.empty()) return;
  const InnerScope scope(*this);
  execute(statement.otherwise);
}

}  // namespace expandft::jinja
