#pragma once

#include "config/task_config.h"
#include "data/rows/template.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A rendered row: contexts, possible answers, and which of them is correct. There is one context
/// for all answers, or one answer for all contexts; a rolling document is a context without answer.
struct RenderedTask {
  std::vector<std::string> contexts, answers;
  std::string counted;     // rolling: the text whose words and bytes count
  std::size_t target = 0;  // index of the correct context or answer

  const std::string& right_context() const { return contexts[contexts.size() > 1 ? target : 0]; }
  const std::string& right_answer() const { return answers[answers.size() > 1 ? target : 0]; }
};

/// Renders rows with the templates of one of a task's forms.
class TaskRenderer {
 public:
  /// Input errors at the template's JSON path: a damaged template, and with `task.written` a form
  /// without written answers.
  TaskRenderer(const TaskConfig& task, const TaskForm& form);

  /// The fields that the templates name and the row lacks.
  std::vector<std::string> missing_fields(const Json& row) const;
  /// Input errors at `where` (the row's file and line) as in load_examples.
  RenderedTask render(const Json& row, const std::string& where) const;
  /// The form's key in the task file; "" if its templates are at the top level.
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

/// One for each form of a task, in its order.
std::vector<TaskRenderer> row_renderers(const TaskConfig& task);
/// The first whose fields the row has. The input error at `where` (the row's file and line) lists
/// the fields that the row lacks for each form.
const TaskRenderer& choose_renderer(const std::vector<TaskRenderer>& forms, const Json& row,
                                    const std::string& where);

}  // namespace expandft
