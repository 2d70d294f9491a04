#pragma once

#include "tasks/comparison.h"

#include <string>
#include <vector>

namespace expandft {

/// A page (html_page) for a comparison and its answers: the table of tasks, forgetting, and for
/// each task at most 200 examples that the tuned model answers differently, lost ones first, or for
/// texts whose likelihood is measured the 20 whose loss rose most. `base` and `tuned` are the
/// results that were compared (compare_tasks), in the same order.
std::string answers_page(const ComparisonReport& report, const std::vector<TaskResult>& base,
                         const std::vector<TaskResult>& tuned, const ComparedModels& compared);

}  // namespace expandft
