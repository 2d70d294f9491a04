#pragma once

#include "base/json.h"

#include <string>
#include <string_view>

namespace expandft {

/// kShort: metric, base, tuned, change, standard error, verdict. kAll: also p-value, lost and
/// gained answers.
enum class TaskColumns { kShort, kAll };

/// A comparison of base and tuned model as an HTML table after a sentence of explanation: a row for
/// each task's judged metric. `comparison` is from comparison_json (tasks/results_json.h); missing
/// and malformed values are shown as "-". Empty without tasks. `label` is the id of the heading.
std::string task_table_html(const Json& comparison, TaskColumns columns, std::string_view label);

}  // namespace expandft
