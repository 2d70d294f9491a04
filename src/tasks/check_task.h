#pragma once

#include "config/task_config.h"

namespace expandft {

/// What load_task cannot see: input errors at the JSON path for damaged templates and unknown
/// filters, of all forms, and for regular expressions of metrics that do not compile.
/// load_examples finds those in the forms that it uses.
void check_task(const TaskConfig& task);

}  // namespace expandft
