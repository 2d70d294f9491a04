#pragma once

#include "base/files.h"
#include "config/fields.h"
#include "config/task_config.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// A task file as it was read, with its data files as it names them.
struct TaskFile {
  TaskConfig task;
  std::string data, fewshot_data;  // few-shot: empty when there is none
};

/// Reads a task file strictly: all its problems in one input error.
TaskFile read_task_file(const fs::path& file);

/// The types by the names that task files give them.
const std::vector<std::pair<std::string, TaskType>>& task_type_names();
/// "choice, continuation and generate tasks".
std::string tasks_in_words(const std::vector<TaskType>& types);

/// A key that says how a row becomes text: at the top of a task file, or in one of its "forms".
struct FormKey {
  std::string name;
  std::vector<TaskType> types;  // that have it
  Json schema;
  std::string doc;
  std::function<void(TaskForm& form, const Json& value)> store;
};
const std::vector<FormKey>& form_keys();
/// The form keys that a form of this type lacks, and needs beside the `given` ones.
std::vector<std::string> missing_form_keys(TaskType type, const std::set<std::string>& given);
/// What is wrong with a form key among the `given` ones of its form: it belongs to other types,
/// excludes another, or has a value of a wrong kind.
std::optional<std::string> form_key_problem(const FormKey& key, const Json& value, TaskType type,
                                            const std::set<std::string>& given);
/// "forms": alternatives. Problems of the forms' keys are those of one form at the top; a form key
/// beside it (`at_top`) is one too.
Field forms_field(std::vector<TaskForm>& forms, const std::optional<TaskType>& type,
                  const std::set<std::string>& at_top);

/// The metrics of a type, and those that it has by default.
std::vector<std::string> metric_names(TaskType type, bool written);
std::vector<std::string> default_metric_names(TaskType type, bool written);
/// "metrics": a list of names, and of names with options.
Field metrics_field(std::vector<MetricConfig>& metrics, const std::optional<TaskType>& type,
                    const bool& written);

/// A text, or a list of texts: one that is no list is a list of one.
Json texts_schema();
/// A schema in words.
std::string allowed_words(const Json& schema);
std::vector<std::string> texts_of(const Json& value);

}  // namespace expandft
