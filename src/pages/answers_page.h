#pragma once

#include "tasks/comparison.h"

#include <string>
#include <vector>

namespace expandft {

/// A page (pages/html.h) of a comparison and of the answers behind it: the table of tasks, what
/// was forgotten, and for each task the examples that the tuned model answers differently, lost
/// ones first, at most 200; of texts whose likelihood is measured the 20 whose loss rose most.
/// `base` and `tuned` are the results that the report was made of (compare_tasks), in their order.
std::string answers_page(const ComparisonReport& report, const std::vector<TaskResult>& base,
                         const std::vector<TaskResult>& tuned, const ComparedModels& compared);

}  // namespace expandft
