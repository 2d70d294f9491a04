#pragma once

#include "config/task_config.h"
#include "tasks/form_templates.h"
#include "tasks/harness_random.h"

#include <string>
#include <vector>

namespace expandft {

/// Solved examples before prompts, chosen as lm-evaluation-harness 0.4 chooses them.
class FewShot {
 public:
  /// Reads the few-shot rows, when the task has any. Input errors as load_examples says.
  FewShot(const TaskConfig& task, const std::vector<FormTemplates>& forms);

  /// The solved examples before the prompt of `row`, each with the delimiter after it; "" without
  /// few-shot. To be asked for the evaluated rows in their order: each takes the next draw.
  std::string before(const Json& row);

 private:
  struct Solved {
    Json row;
    std::string text;
  };
  std::vector<std::size_t> draw(const Json& row);
  std::vector<std::size_t> draw_without(const Json& row);
  [[noreturn]] void refuse(std::size_t found, std::size_t needed) const;

  const TaskConfig& task_;
  std::vector<Solved> examples_;
  std::size_t count_;
  bool same_file_ = false;  // as the evaluated rows: the row itself is no example
  HarnessRandom random_;
};

}  // namespace expandft
