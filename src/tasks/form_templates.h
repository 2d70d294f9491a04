#pragma once

#include "config/task_config.h"
#include "data/template.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A row as its form renders it: what comes before, what may follow, and which is right. There is
/// one context for all answers, or one answer for all contexts; a rolling document is a context
/// with none.
struct RenderedForm {
  std::vector<std::string> contexts, answers;
  std::string counted;     // rolling: whose words and bytes count
  std::size_t target = 0;  // index of the right context or answer

  const std::string& right_context() const { return contexts[contexts.size() > 1 ? target : 0]; }
  const std::string& right_answer() const { return answers[answers.size() > 1 ? target : 0]; }
};

/// The templates of one form, parsed.
class FormTemplates {
 public:
  /// Input errors at the template's JSON path: a damaged template, and written answers for a form
  /// that does not say how (when `task.written`).
  FormTemplates(const TaskConfig& task, const TaskForm& form);

  /// The fields that the form names and a row lacks.
  std::vector<std::string> missing_fields(const Json& row) const;
  /// Input errors at `where`, the row's file and line, as load_examples says.
  RenderedForm render(const Json& row, const std::string& where) const;
  /// Where the task file has the form: "" at the top.
  const std::string& key() const { return key_; }

 private:
  using Templates = std::vector<TextTemplate>;

  std::size_t target_of(const Json& row, std::size_t count, const std::string& where) const;

  TaskType type_;
  std::string key_;
  bool by_context_ = false;  // one context for each choice
  Templates contexts_, answers_, labels_;
  std::optional<TextTemplate> target_, counted_;
};

/// The forms of a task, in its order.
std::vector<FormTemplates> form_templates(const TaskConfig& task);
/// The first form whose fields the row has. The input error at `where`, the row's file and line,
/// lists for each form the fields that are missing.
const FormTemplates& choose_form(const std::vector<FormTemplates>& forms, const Json& row,
                                 const std::string& where);

}  // namespace expandft
