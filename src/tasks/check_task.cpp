#include "tasks/check_task.h"

#include "metrics/answer_matching.h"
#include "tasks/form_templates.h"

namespace expandft {

void check_task(const TaskConfig& task) {
  TaskConfig other = task;
  other.written = false;
  form_templates(other);
  other.written = true;
  for (const TaskForm& form : task.forms) {
    if (form.written || task.written) FormTemplates(other, form);
  }
  for (std::size_t i = 0; i < task.metrics.size(); ++i) {
    const MetricConfig& metric = task.metrics[i];
    if (metric.metric != "exact_match" && metric.metric != "contains") continue;
    AnswerMatcher(metric,
                  task.file.string() + ": metrics[" + std::to_string(i) + "]." + metric.metric);
  }
}

}  // namespace expandft
