#include "tasks/example.h"

#include "base/error.h"
#include "base/python_text.h"
#include "data/text_file.h"
#include "metrics/answer_matching.h"
#include "tasks/few_shot.h"
#include "tasks/task_renderer.h"

#include <algorithm>

namespace expandft {
namespace {

TaskExample example_of(const TaskConfig& task, RenderedTask row, const std::string& before) {
  TaskExample example;
  if (task.type == TaskType::kRolling) {
    example.words = static_cast<std::int64_t>(python_word_count(row.counted));
    example.bytes = static_cast<std::int64_t>(row.counted.size());
    example.texts.push_back({"", std::move(row.contexts[0])});
    return example;
  }
  if (task.writes()) {
    example.prompt = before + row.contexts[0];
  } else {
    for (std::size_t i = 0; i < std::max(row.contexts.size(), row.answers.size()); ++i) {
      const std::string& context = row.contexts[row.contexts.size() > 1 ? i : 0];
      const std::string& answer = row.answers[row.answers.size() > 1 ? i : 0];
      example.texts.push_back({before + context, task.delimiter + answer});
    }
  }
  if (task.type == TaskType::kGenerate) {
    example.references = std::move(row.answers);
  } else if (task.type == TaskType::kChoice) {
    example.target = static_cast<std::int64_t>(row.target);
    // The harness's choices are the contexts where it has one for each.
    example.choices = std::move(row.contexts.size() > 1 ? row.contexts : row.answers);
  }
  return example;
}

}  // namespace

std::vector<TaskExample> load_examples(const TaskConfig& task) {
  const std::vector<TaskRenderer> forms = row_renderers(task);
  FewShot few_shot(task, forms);
  const TaskRenderer* form = nullptr;
  std::vector<TaskExample> examples;
  for_each_json_line(task.data, [&](const Json& row, std::int64_t line) {
    if (task.max_examples > 0 && std::ssize(examples) >= task.max_examples) return;
    const std::string where = task.data.string() + ":" + std::to_string(line);
    if (form == nullptr) form = &choose_renderer(forms, row, where);
    RenderedTask rendered = form->render(row, where);
    examples.push_back(example_of(task, std::move(rendered), few_shot.before(row)));
    examples.back().line = line;
  });
  if (examples.empty()) {
    throw input_error("the data of task \"" + task.name + "\" has no rows", task.data.string());
  }
  return examples;
}

void check_task(const TaskConfig& task) {
  TaskConfig other = task;
  other.written = false;
  row_renderers(other);
  other.written = true;
  for (const TaskForm& form : task.forms) {
    if (form.written || task.written) TaskRenderer(other, form);
  }
  for (std::size_t i = 0; i < task.metrics.size(); ++i) {
    const MetricConfig& metric = task.metrics[i];
    if (metric.metric != "exact_match" && metric.metric != "contains") continue;
    AnswerMatcher(metric,
                  task.file.string() + ": metrics[" + std::to_string(i) + "]." + metric.metric);
  }
}

}  // namespace expandft
