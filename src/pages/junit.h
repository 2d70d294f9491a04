#pragma once

#include "tasks/comparison.h"

#include <string>

namespace expandft {

/// A comparison as JUnit XML, for continuous integration. The first suite has a test for each
/// original task, and one for their mean if it has a budget; exceeding a budget is a failure. The
/// second suite has the new tasks, which cannot fail. A task without a budget that got worse does
/// not fail; its output says so.
std::string junit_xml(const ComparisonReport& report, const ComparedModels& compared);

}  // namespace expandft
