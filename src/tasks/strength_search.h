#pragma once

#include "tasks/comparison.h"

#include <functional>
#include <string>
#include <vector>

namespace expandft {

/// What the original tasks say at one strength.
struct StrengthPoint {
  double strength = 0;
  std::vector<Comparison> tasks;  // against the base
  bool within_budget = true;      // every task
};

struct StrengthSearch {
  double strength = 0;               // the largest found whose every task keeps the budget
  std::vector<StrengthPoint> curve;  // all that were tried, ascending; the first is the base
};

/// How close the strength found is to one that breaks the budget.
inline constexpr double kStrengthResolution = 0.01;

/// Finds the largest strength within the budget. `evaluate_at` gives the original tasks' results at
/// a strength; 0 is the base. Tries tenths from 1 down until one keeps the budget, then halves the
/// tenth above it. Where drops do not rise with the strength, a larger one may exist between those
/// that were tried.
StrengthSearch find_strength(const std::function<std::vector<TaskResult>(double)>& evaluate_at,
                             const DropBudgets& budgets);

/// A table for a terminal: a line for each strength, the judged metric and its change for each
/// task.
std::string strength_table(const StrengthSearch& search);
/// [{"strength", "within_budget", "tasks": [{"task", its judged metric, "relative_change"}]}]
Json strength_json(const StrengthSearch& search);

}  // namespace expandft
