#include "config/drop_budget.h"

#include "base/error.h"
#include "base/numbers.h"
#include "base/wording.h"
#include "config/json_check.h"

#include <algorithm>
#include <cctype>
#include <set>
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
                        "\" is not a budget; expected \"1%\" (of the base's value) or a number of "
                        "at least 0 (in the metric's unit), with \"TASK=\" before it for one task "
                        "only, or \"mean=1%\" for the mean of all tasks",
                    where, hint_of_option(name, amount));
}

std::optional<std::string> unknown_budget(const DropBudgets& budgets,
                                          const std::vector<std::string>& tasks) {
  for (const auto& [name, budget] : budgets.tasks) {
    if (std::ranges::find(tasks, name) != tasks.end()) continue;
    const std::string near = nearest(name, tasks);
    return "\"" + name + "\" is not one of the original tasks" +
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
  if (value.is_number() && value.get<double>() < 0) return "a budget cannot be negative";
  if (!value.is_string()) return {};
  std::string text = value;
  if (text.starts_with('-')) return "a budget cannot be negative";
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

Field budgets_field(std::string path, DropBudgets& member, std::string doc) {
  const Json one = {
      {"anyOf", Json::array({{{"type", "number"}, {"minimum", 0}},
                             {{"type", "string"}, {"pattern", R"(^[0-9]+(\.[0-9]+)?%$)"}}})}};
  Json schema = one;
  schema["anyOf"].push_back({{"type", "object"}, {"additionalProperties", one}});
  const char* const words =
      R"("1%" (of the base's value), a number from 0 (in the metric's unit), an object of these )"
      R"(with the keys "each", "mean" (a percentage) and names of tasks,)";
  Field field = make_nullable(make_field(
                                  path, schema, std::move(doc),
                                  [&member](const Json& value, const fs::path&) {
                                    member = budgets_of(value).value_or(DropBudgets());
                                  },
                                  [&member] { return budgets_json(member); }))
                    .allowing(words);
  field.check = [path, schema = field.schema, allowed = field.allowed](const Json& value,
                                                                       const fs::path&) {
    std::vector<FieldProblem> problems;
    if (!matches(schema, value) || !budgets_of(value)) {
      const std::string hint = budget_hint(value);
      problems.push_back({path, "found " + shown(value) + "; allowed: " + allowed +
                                    (hint.empty() ? "" : "; " + hint)});
    }
    return problems;
  };
  return field;
}

}  // namespace expandft
