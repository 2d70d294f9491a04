#pragma once

#include "base/json.h"
#include "config/drop_budget.h"

#include <map>
#include <string>

namespace expandft {

/// "1%", or the number with its unit: "0.02 accuracy".
std::string budget_text(const DropBudget& budget, const std::string& unit);
/// "1%", "piqa 0.02 accuracy, others 1%, mean 0.5%". `units`: of the tasks' judged metrics, by the
/// tasks' names.
std::string budgets_text(const DropBudgets& budgets,
                         const std::map<std::string, std::string>& units);

/// Why a text or a config's value is no budget, and what to write: "write it without a space: 1%";
/// "" where nothing is known beyond that it is none.
std::string budget_hint(const Json& value);

}  // namespace expandft
