#include "config/drop_budget.h"

#include "base/error.h"
#include "base/numbers.h"
#include "base/wording.h"
#include "config/budget_words.h"

#include <algorithm>
#include <string_view>

namespace expandft {
namespace {

constexpr const char* kEach = "each";
constexpr const char* kMean = "mean";

std::optional<DropBudget> budget_in(const Json& json) {
  if (json.is_string()) {
    const std::string text = json;
    const bool plain = text.ends_with('%') && text.find_first_not_of("0123456789.%") == text.npos;
    return plain ? parse_budget(text) : std::nullopt;
  }
  if (!json.is_number() || json.get<double>() < 0) return std::nullopt;
  return DropBudget{json.get<double>(), false};
}

Json budget_json(const DropBudget& budget) {
  return budget.relative ? Json(budget_text(budget)) : Json(budget.amount);
}

/// False when the name cannot have such a budget.
bool put(const std::string& name, const DropBudget& budget, DropBudgets& budgets) {
  if (name == kMean) {
    if (!budget.relative) return false;
    budgets.mean = budget;
  } else if (name == kEach) {
    budgets.each = budget;
  } else {
    budgets.tasks[name] = budget;
  }
  return true;
}

/// budget_hint of what a command line says, where everything is text.
std::string hint_of_option(const std::string& name, const std::string& amount) {
  const auto number = parse_number(amount);
  const Json value = number ? Json(*number) : Json(amount);
  return budget_hint(name == kMean ? Json({{name, value}}) : value);
}

}  // namespace

std::optional<DropBudget> DropBudgets::of(const std::string& task) const {
  const auto own = tasks.find(task);
  return own != tasks.end() ? own->second : each;
}

std::optional<DropBudget> parse_budget(const std::string& text) {
  std::string_view number = text;
  const bool relative = number.ends_with('%');
  if (relative) number.remove_suffix(1);
  const std::optional<double> amount = parse_number(number);
  if (!amount || *amount < 0) return std::nullopt;
  return DropBudget{*amount, relative};
}

std::string budget_text(const DropBudget& budget) {
  return shortest_text(budget.amount) + (budget.relative ? "%" : "");
}

void add_budget(const std::string& text, const std::string& where, DropBudgets& budgets) {
  const std::size_t equals = text.rfind('=');
  const std::string name = equals == text.npos ? kEach : text.substr(0, equals);
  const std::string amount = equals == text.npos ? text : text.substr(equals + 1);
  const auto budget = parse_budget(amount);
  if (budget && !name.empty() && put(name, *budget, budgets)) return;
  throw input_error("\"" + text +
                        "\" is no budget; expected \"1%\" (of the base's value) or a number from 0 "
                        "(in the metric's unit), with \"TASK=\" before it for one task alone, or "
                        "\"mean=1%\" for the mean of all",
                    where, hint_of_option(name, amount));
}

std::optional<std::string> unknown_budget(const DropBudgets& budgets,
                                          const std::vector<std::string>& tasks) {
  for (const auto& [name, budget] : budgets.tasks) {
    if (std::ranges::find(tasks, name) != tasks.end()) continue;
    const std::string near = nearest(name, tasks);
    return "\"" + name + "\" is none of the original tasks" +
           (near.empty() ? "" : "; did you mean \"" + near + "\"?");
  }
  return std::nullopt;
}

std::optional<DropBudgets> budgets_of(const Json& json) {
  DropBudgets budgets;
  if (!json.is_object()) {
    budgets.each = budget_in(json);
    return budgets.each ? std::optional(budgets) : std::nullopt;
  }
  for (const auto& item : json.items()) {
    const std::optional<DropBudget> budget = budget_in(item.value());
    if (!budget || item.key().empty() || !put(item.key(), *budget, budgets)) return std::nullopt;
  }
  return budgets;
}

Json budgets_json(const DropBudgets& budgets) {
  if (!budgets.any()) return nullptr;
  if (budgets.each && !budgets.mean && budgets.tasks.empty()) return budget_json(*budgets.each);
  Json json = Json::object();
  if (budgets.each) json[kEach] = budget_json(*budgets.each);
  if (budgets.mean) json[kMean] = budget_json(*budgets.mean);
  for (const auto& [task, budget] : budgets.tasks) json[task] = budget_json(budget);
  return json;
}

std::string budgets_text(const DropBudgets& budgets) {
  return budgets_text(budgets, {});
}

}  // namespace expandft
