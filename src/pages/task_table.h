#pragma once

#include "base/json.h"

#include <string>
#include <string_view>

namespace expandft {

/// kShort: metric, base, tuned, change, standard error, verdict. kAll: p-value, lost and
/// gained answers too.
enum class TaskColumns { kShort, kAll };

/// A comparison of base and tuned model as a table of pages, with a sentence before it: a row for
/// each task's judged metric, perplexities with their change in percent, all else in its own unit.
/// `comparison` is comparison_json's of tasks/results_json.h; what is missing in it, or no such
/// thing, is shown as "-". Empty without tasks. `label` is the id of the heading over it.
std::string task_table_html(const Json& comparison, TaskColumns columns, std::string_view label);

}  // namespace expandft
