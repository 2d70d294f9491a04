#include "jinja/evaluator.h"

#include <algorithm>
#include <utility>

namespace expandft::jinja {

Value Evaluator::macro_value(const std::shared_ptr<const MacroDefinition>& macro) {
  // The macro sees the names around it, and may be one of them.
  const std::shared_ptr<Scope> outside = scope_;
  runtime_.reserve(sizeof(Function));
  runtime_.keep([outside] { outside->names.clear(); });
  auto function = std::make_shared<Function>();
  function->name = macro->name;
  function->shown = macro->name.empty() ? "<Macro anonymous>" : "<Macro '" + macro->name + "'>";
  function->call = [this, macro, outside](Runtime& runtime, Arguments arguments) {
    return runtime.text(call_macro(*macro, outside, std::move(arguments)));
  };
  return Value::object(ValueKind::kFunction, std::move(function));
}

std::string Evaluator::call_macro(const MacroDefinition& macro,
                                  const std::shared_ptr<Scope>& outside, Arguments arguments) {
  const Level level(*this);
  const InnerScope scope(*this, outside);
  bind(macro, std::move(arguments));
  Flow flow = Flow::kNext;
  return captured(macro.body, &flow);
}

void Evaluator::bind(const MacroDefinition& macro, Arguments arguments) {
  const std::string shown = macro.name.empty() ? "the caller" : "macro '" + macro.name + "'";
  const auto& names = macro.parameters;
  const std::size_t given = std::min(arguments.positional.size(), names.size());
  std::vector<bool> has_value(names.size(), false);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::optional<Value> value;
    if (i < given) {
      value = arguments.positional[i];
    } else {
      value = arguments.take(names[i]);
    }
    has_value[i] = value.has_value();
    // Also those that are missing still: a default does not see an outer name of theirs.
    scope_->set(names[i],
                value ? *value : undefined("parameter '" + names[i] + "' was not provided"));
  }
  if (macro.reads_caller) {
    const std::optional<Value> caller = arguments.take("caller");
    scope_->set("caller", caller && !caller->is_none() ? *caller : undefined("no caller defined"));
  }
  if (macro.reads_kwargs) {
    std::vector<std::pair<Value, Value>> items;
    for (auto& [name, value] : arguments.keywords) items.emplace_back(string_value(name), value);
    scope_->set("kwargs", runtime_.dict(std::move(items)));
  } else if (!arguments.keywords.empty()) {
    runtime_.fail(shown + " takes no keyword argument '" + arguments.keywords[0].first + "'");
  }
  if (macro.reads_varargs) {
    scope_->set("varargs",
                runtime_.tuple({arguments.positional.begin() + static_cast<std::ptrdiff_t>(given),
                                arguments.positional.end()}));
  } else if (arguments.positional.size() > given) {
    runtime_.fail(shown + " takes not more than " + std::to_string(names.size()) + " argument(s)");
  }
  const std::size_t first = names.size() - macro.defaults.size();
  for (std::size_t i = first; i < names.size(); ++i) {
    if (!has_value[i]) scope_->set(names[i], evaluate(*macro.defaults[i - first]));
  }
}

}  // namespace expandft::jinja
