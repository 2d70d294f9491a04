#pragma once

#include "tasks/comparison.h"

#include <string>

namespace expandft {

/// A comparison as JUnit XML, for continuous integration: original tasks are a suite of one test
/// each, and of one for their mean where that has a budget; what is over its budget is a failure.
/// New tasks are a second suite, without failures. A task that got worse without having a budget is
/// no failure: its output says so.
std::string junit_xml(const ComparisonReport& report, const ComparedModels& compared);

}  // namespace expandft
