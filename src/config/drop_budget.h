#pragma once

#include "base/json.h"
#include "config/fields.h"

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

/// "1%", or the number with its unit: "0.02 accuracy".
std::string budget_text(const DropBudget& budget, const std::string& unit);
/// "1%", "piqa 0.02 accuracy, others 1%, mean 0.5%". `units`: of the tasks' judged metrics, by the
/// tasks' names.
std::string budgets_text(const DropBudgets& budgets,
                         const std::map<std::string, std::string>& units);

/// Why a text or a config's value is no budget, and what to write: "write it without a space: 1%";
/// "" where nothing is known beyond that it is none.
std::string budget_hint(const Json& value);

/// Key "max_drop"; null: no budgets.
Field budgets_field(std::string path, DropBudgets& member, std::string doc);

}  // namespace expandft
