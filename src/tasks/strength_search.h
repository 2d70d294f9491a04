#pragma once

#include "tasks/comparison.h"

#include <functional>
#include <string>
#include <vector>

namespace expandft {

/// The original tasks at one strength.
struct StrengthPoint {
  double strength = 0;
  std::vector<Comparison> tasks;  // against the base
  bool within_budget = true;      // all tasks
};

struct StrengthSearch {
  double strength = 0;               // the largest found at which all tasks keep the budget
  std::vector<StrengthPoint> curve;  // all strengths tried, ascending; the first is the base
};

/// The strength found is at most this far below one that exceeds the budget.
inline constexpr double kStrengthResolution = 0.01;

/// Finds the largest strength within the budget. `evaluate_at` returns the original tasks' results
/// at a strength; 0 is the base. Tries tenths from 1 down until one keeps the budget, then bisects
/// the tenth above it. If drops do not increase with the strength, a larger strength within the
/// budget may exist between those tried.
StrengthSearch find_strength(const std::function<std::vector<TaskResult>(double)>& evaluate_at,
                             const DropBudgets& budgets);

/// What a search varies: the strength of all layers, or the factor of each layer's own.
inline constexpr const char* kStrength = "strength";
inline constexpr const char* kFactor = "factor";
/// A table for terminals: a line for each strength, called `what`, with the judged metric of each
/// task and its change.
std::string strength_table(const StrengthSearch& search, const std::string& what = kStrength);
/// [{`what`, "within_budget", "tasks": [{"task", its judged metric, "relative_change"}]}]
Json strength_json(const StrengthSearch& search, const std::string& what = kStrength);

}  // namespace expandft
