#include "config/budget_words.h"

#include "base/numbers.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace expandft {

std::string budget_text(const DropBudget& budget, const std::string& unit) {
  const std::string text = budget_text(budget);
  return budget.relative || unit.empty() ? text : text + " " + unit;
}

std::string budgets_text(const DropBudgets& budgets,
                         const std::map<std::string, std::string>& units) {
  std::string text;
  const auto add = [&](const std::string& name, const DropBudget& budget, const std::string& unit) {
    text += (text.empty() ? "" : ", ") + name + budget_text(budget, unit);
  };
  std::set<std::string> others;  // the units of tasks without a budget of their own
  for (const auto& [task, unit] : units) {
    if (!budgets.tasks.contains(task)) others.insert(unit);
  }
  std::string unit_of_others;
  for (const std::string& unit : others) {
    unit_of_others += (unit_of_others.empty() ? "" : " or ") + unit;
  }
  for (const auto& [task, budget] : budgets.tasks) {
    const auto unit = units.find(task);
    add(task + " ", budget, unit == units.end() ? "" : unit->second);
  }
  if (budgets.each) add(budgets.tasks.empty() ? "" : "others ", *budgets.each, unit_of_others);
  if (budgets.mean) add("mean ", *budgets.mean, "");
  return text;
}

std::string budget_hint(const Json& value) {
  if (value.is_object()) {
    for (const auto& [name, one] : value.items()) {
      if (name == "mean" && one.is_number())
        return "the mean of several metrics has no unit: write a percentage";
      if (const std::string hint = budget_hint(one); !hint.empty()) return hint;
    }
    return {};
  }
  if (value.is_number() && value.get<double>() < 0) return "a budget is not negative";
  if (!value.is_string()) return {};
  std::string text = value;
  if (text.starts_with('-')) return "a budget is not negative";
  if (std::ranges::count(text, ',') == 1) {
    std::ranges::replace(text, ',', '.');
    if (parse_budget(text)) return "write the decimal point as \".\": " + text;
  }
  if (std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; }) > 0 &&
      parse_budget(text)) {
    return "write it without a space: " + text;
  }
  if (parse_number(text)) return "write a number without quotes, or with % for a percentage";
  return {};
}

}  // namespace expandft
