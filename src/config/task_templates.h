#pragma once

#include "config/fields.h"
#include "config/task_config.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace expandft {

/// A key that says how a row becomes text: at the top of a task file, or in one of its "forms".
struct TemplateKey {
  std::string name;
  std::vector<TaskType> types;  // that have it
  Json schema;
  std::string doc;
  std::function<void(TaskForm& form, const Json& value)> store;
};
const std::vector<TemplateKey>& template_keys();
/// The form keys that a form of this type lacks, and needs beside the `given` ones.
std::vector<std::string> missing_template_keys(TaskType type, const std::set<std::string>& given);
/// What is wrong with a form key among the `given` ones of its form: it belongs to other types,
/// excludes another, or has a value of a wrong kind.
std::optional<std::string> template_key_problem(const TemplateKey& key, const Json& value,
                                                TaskType type, const std::set<std::string>& given);
/// "forms": alternatives. Problems of the forms' keys are those of one form at the top; a form key
/// beside it (`at_top`) is one too.
Field forms_field(std::vector<TaskForm>& forms, const std::optional<TaskType>& type,
                  const std::set<std::string>& at_top);

}  // namespace expandft
