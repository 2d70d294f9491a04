#pragma once

#include "base/json.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// "1%" is relative to the base's value, a number is absolute, in the metric's unit.
struct DropBudget {
  double amount = 0;
  bool relative = false;
  bool operator==(const DropBudget&) const = default;
};

/// How much worse original tasks may get.
struct DropBudgets {
  std::optional<DropBudget> each;           // every task without one of its own
  std::optional<DropBudget> mean;           // the mean over all; relative
  std::map<std::string, DropBudget> tasks;  // by name

  bool any() const { return each || mean || !tasks.empty(); }
  /// The budget of a task; none: it is not judged by one.
  std::optional<DropBudget> of(const std::string& task) const;
};

/// "1%", or a number from 0. None for anything else.
std::optional<DropBudget> parse_budget(const std::string& text);
std::string budget_text(const DropBudget& budget);

/// Adds what a command line says: "1%" (each task), "piqa=2%" (that task), "mean=0.5%". Input
/// error at `where` for anything else.
void add_budget(const std::string& text, const std::string& where, DropBudgets& budgets);

/// What is wrong with a budget of a task that is none of these, as a hint of the nearest; none when
/// all are.
std::optional<std::string> unknown_budget(const DropBudgets& budgets,
                                          const std::vector<std::string>& tasks);

/// A config's "max_drop": "1%", a number, or {"each": …, "mean": …, "piqa": …}. None when the JSON
/// is none of these.
std::optional<DropBudgets> budgets_of(const Json& json);
/// The same back; null without any.
Json budgets_json(const DropBudgets& budgets);
/// For people: "1%", "piqa 2%, others 1%, mean 0.5%".
std::string budgets_text(const DropBudgets& budgets);

}  // namespace expandft
