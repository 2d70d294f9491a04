#pragma once

#include "base/notice.h"
#include "config/drop_budget.h"
#include "config/task_config.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What is wrong with the budgets of original tasks: one of a task that is none of them, or a
/// number that the drop of a task's judged metric can never exceed, such as 2 of an accuracy. None
/// when nothing is.
std::optional<std::string> budget_problem(const DropBudgets& budgets,
                                          const std::vector<TaskConfig>& originals);

/// Percentages that can never be exceeded, 100 and more of metrics that only fall to 0: they may be
/// meant as no budget at all. `where` is the key or option that has them.
Notices budget_notices(const DropBudgets& budgets, const std::vector<TaskConfig>& originals,
                       const std::string& where);

}  // namespace expandft
