#include "tasks/task_renderer.h"

#include "base/error.h"
#include "base/wording.h"
#include "tasks/harness_filters.h"

#include <algorithm>
#include <charconv>

namespace expandft {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

/// Parses the templates of a form. Errors name a template's place in the task file.
class Parser {
 public:
  Parser(const TaskConfig& task, const TaskForm& form)
      : start_(task.file.string() + ": " + (form.key.empty() ? "" : form.key + ".")) {}

  TextTemplate one(const std::string& text, const std::string& key) const {
    return TextTemplate::parse(text, start_ + key, &harness_filters());
  }
  std::vector<TextTemplate> list(const std::vector<std::string>& texts,
                                 const std::string& key) const {
    std::vector<TextTemplate> parsed;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string item = texts.size() == 1 ? key : key + "[" + std::to_string(i) + "]";
      parsed.push_back(one(texts[i], item));
    }
    return parsed;
  }

 private:
  std::string start_;
};

/// The texts of a list of templates: those of a single field that holds a list, or one of each.
std::vector<std::string> render_all(const std::vector<TextTemplate>& templates, const Json& row,
                                    const std::string& where) {
  if (templates.size() == 1) return templates[0].render_texts(row, where);
  std::vector<std::string> texts;
  for (const TextTemplate& one : templates) texts.push_back(one.render(row, where));
  return texts;
}

void check_choices(const std::vector<std::string>& texts, const char* kind, bool may_be_empty,
                   const std::string& where) {
  if (texts.size() < 2) {
    throw input_error("found " + std::to_string(texts.size()) + " " + kind +
                          (texts.size() == 1 ? "" : "s") + ", expected two or more",
                      where, "give several templates, or one field that holds a list");
  }
  for (std::size_t i = 0; i < texts.size() && !may_be_empty; ++i) {
    if (!texts[i].empty()) continue;
    throw input_error(
        std::string(kind) + " " + std::to_string(i) + " is empty, expected a text to score", where);
  }
}

std::optional<std::int64_t> integer_of(const std::string& text) {
  if (text == "true") return 1;
  if (text == "false") return 0;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

TaskRenderer::TaskRenderer(const TaskConfig& task, const TaskForm& form)
    : type_(task.type), key_(form.key) {
  const Parser parse(task, form);
  switch (task.type) {
    case TaskType::kPerplexity:
      break;
    case TaskType::kRolling:
      contexts_ = {parse.one(form.text, "text")};
      if (!form.counted.empty()) counted_ = parse.one(form.counted, "counted");
      break;
    case TaskType::kContinuation:
      contexts_ = {parse.one(form.prompt, "prompt")};
      answers_ = {parse.one(form.continuation, "continuation")};
      break;
    case TaskType::kGenerate:
      contexts_ = {parse.one(form.prompt, "prompt")};
      answers_ = parse.list(form.references, "reference");
      break;
    case TaskType::kChoice:
      if (task.written) {
        if (!form.written) {
          throw input_error("the model is to write its answers, but " +
                                (key_.empty() ? std::string("the task") : key_) +
                                " does not say how",
                            task.file.string(), "add \"written_prompt\" and \"written_answers\"");
        }
        contexts_ = {parse.one(form.written->prompt, "written_prompt")};
        answers_ = parse.list(form.written->answers, "written_answers");
      } else if (!form.contexts.empty()) {
        contexts_ = parse.list(form.contexts, "contexts");
        answers_ = {parse.one(form.continuation, "continuation")};
      } else {
        contexts_ = {parse.one(form.prompt, "prompt")};
        answers_ = parse.list(form.choices, "choices");
      }
      by_context_ = !task.written && !form.contexts.empty();
      target_ = parse.one(form.target, "target");
      labels_ = parse.list(form.labels, "labels");
      break;
  }
}

std::vector<std::string> TaskRenderer::missing_fields(const Json& row) const {
  std::vector<std::string> missing;
  const auto add = [&](const TextTemplate& one) {
    for (const std::string& name : one.missing_fields(row)) {
      if (std::find(missing.begin(), missing.end(), name) == missing.end()) missing.push_back(name);
    }
  };
  for (const Templates* list : {&contexts_, &answers_, &labels_}) {
    std::for_each(list->begin(), list->end(), add);
  }
  if (target_) add(*target_);
  if (counted_) add(*counted_);
  return missing;
}

std::size_t TaskRenderer::target_of(const Json& row, std::size_t count,
                                    const std::string& where) const {
  const std::string text = target_->render(row, where);
  const std::string range =
      "expected the index of a choice, from 0 to " + std::to_string(count - 1);
  std::optional<std::int64_t> index;
  if (labels_.empty()) {
    index = integer_of(text);
  } else {
    const std::vector<std::string> labels = render_all(labels_, row, where);
    const auto found = std::find(labels.begin(), labels.end(), text);
    if (found == labels.end()) {
      throw input_error(
          "the target is \"" + text + "\", expected one of the labels: " + joined(labels), where);
    }
    index = found - labels.begin();
  }
  if (!index || *index < 0 || *index >= static_cast<std::int64_t>(count)) {
    throw input_error("the target is \"" + text + "\", " + range, where,
                      labels_.empty() ? "\"labels\" lists other values of the target"
                                      : "there are fewer choices than labels");
  }
  return static_cast<std::size_t>(*index);
}

RenderedTask TaskRenderer::render(const Json& row, const std::string& where) const {
  RenderedTask rendered;
  const auto as_one = [&](const Templates& templates) {
    return std::vector<std::string>{templates[0].render(row, where)};
  };
  if (type_ == TaskType::kRolling) {
    rendered.contexts = as_one(contexts_);
    rendered.counted = counted_ ? counted_->render(row, where) : rendered.contexts[0];
    if (rendered.contexts[0].empty() || rendered.counted.empty()) {
      throw input_error("the document is empty, expected a text to score", where);
    }
  } else if (type_ == TaskType::kChoice) {
    rendered.contexts = by_context_ ? render_all(contexts_, row, where) : as_one(contexts_);
    rendered.answers = by_context_ ? as_one(answers_) : render_all(answers_, row, where);
    if (by_context_) check_choices(rendered.contexts, "context", true, where);
    if (!by_context_) check_choices(rendered.answers, "choice", false, where);
    rendered.target =
        target_of(row, std::max(rendered.contexts.size(), rendered.answers.size()), where);
  } else {
    rendered.contexts = as_one(contexts_);
    rendered.answers =
        type_ == TaskType::kGenerate ? render_all(answers_, row, where) : as_one(answers_);
    if (rendered.answers.empty()) {
      throw input_error("found no reference, expected one or more", where);
    }
  }
  if ((by_context_ || type_ == TaskType::kContinuation) && rendered.answers[0].empty()) {
    throw input_error("the continuation is empty, expected a text to score", where);
  }
  return rendered;
}

std::vector<TaskRenderer> row_renderers(const TaskConfig& task) {
  std::vector<TaskRenderer> forms;
  for (const TaskForm& form : task.forms) forms.emplace_back(task, form);
  return forms;
}

const TaskRenderer& choose_renderer(const std::vector<TaskRenderer>& forms, const Json& row,
                                    const std::string& where) {
  std::string list, near;
  for (const TaskRenderer& form : forms) {
    const std::vector<std::string> missing = form.missing_fields(row);
    if (missing.empty()) return form;
    list += (forms.size() == 1 ? " " : "\n  - " + form.key() + ": ") + joined(missing);
    if (near.empty()) near = nearest(missing.front(), member_names(row));
  }
  const std::string found = joined(member_names(row));
  throw input_error("the row has the fields " + (found.empty() ? "(none)" : found) +
                        "; the task's " + (forms.size() == 1 ? "form" : "forms") +
                        " also need:" + list,
                    where, near.empty() ? "" : "did you mean \"" + near + "\"?");
}

}  // namespace expandft
