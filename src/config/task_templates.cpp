#include "config/task_templates.h"

#include "config/json_check.h"
#include "config/unknown_keys.h"

#include <algorithm>

namespace expandft {
namespace {

TemplateKey text_key(std::string name, std::vector<TaskType> types, std::string TaskForm::*member,
                     std::string doc) {
  return {std::move(name), std::move(types), text_schema(), std::move(doc),
          [member](TaskForm& form, const Json& value) { form.*member = value; }};
}

TemplateKey texts_key(std::string name, std::vector<TaskType> types,
                      std::vector<std::string> TaskForm::*member, std::string doc) {
  return {std::move(name), std::move(types), texts_schema(), std::move(doc),
          [member](TaskForm& form, const Json& value) { form.*member = texts_of(value); }};
}

WrittenForm& written_of(TaskForm& form) {
  if (!form.written) form.written.emplace();
  return *form.written;
}

std::vector<TemplateKey> make_template_keys() {
  const std::vector<TaskType> choice = {TaskType::kChoice};
  return {
      text_key("prompt", {TaskType::kChoice, TaskType::kContinuation, TaskType::kGenerate},
               &TaskForm::prompt, "Text that comes before."),
      texts_key("choices", choice, &TaskForm::choices,
                "Texts that may follow the prompt: a list, or one placeholder for a field that "
                "holds a list."),
      texts_key("contexts", choice, &TaskForm::contexts,
                "Instead of prompt and choices: texts that may come before `continuation`."),
      text_key("continuation", {TaskType::kChoice, TaskType::kContinuation},
               &TaskForm::continuation, "Text that follows."),
      text_key("target", choice, &TaskForm::target,
               "The right choice: its index from 0, or one of `labels`."),
      texts_key("labels", choice, &TaskForm::labels,
                "Possible values of the target, in the order of the choices."),
      {"written_prompt", choice, text_schema(),
       "Prompt for `written`, where the model writes the answer.",
       [](TaskForm& form, const Json& value) { written_of(form).prompt = value; }},
      {"written_answers", choice, texts_schema(),
       "Answers that the model may write, in the order of the choices.",
       [](TaskForm& form, const Json& value) { written_of(form).answers = texts_of(value); }},
      texts_key("reference", {TaskType::kGenerate}, &TaskForm::references,
                "The right answer, or a list of right answers."),
      text_key("text", {TaskType::kRolling}, &TaskForm::text, "The document."),
      text_key("counted", {TaskType::kRolling}, &TaskForm::counted,
               "Text whose words and bytes are counted; default: the document."),
  };
}

/// Checks the forms of a list, key by key.
std::vector<FieldProblem> forms_problems(const Json& forms, TaskType type) {
  std::vector<FieldProblem> problems;
  std::vector<std::string> known;
  for (const TemplateKey& key : template_keys()) {
    if (std::find(key.types.begin(), key.types.end(), type) != key.types.end()) {
      known.push_back(key.name);
    }
  }
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const std::string path = "forms[" + std::to_string(i) + "]";
    if (!forms[i].is_object()) {
      problems.push_back({path, "found " + shown(forms[i]) + "; allowed: an object"});
      continue;
    }
    std::set<std::string> given;
    for (const auto& item : forms[i].items()) given.insert(item.key());
    for (const auto& [name, value] : forms[i].items()) {
      const auto key =
          std::find_if(template_keys().begin(), template_keys().end(),
                       [&key = name](const TemplateKey& one) { return one.name == key; });
      const auto problem = key == template_keys().end()
                               ? unknown_key(name, known, path + ".")
                               : template_key_problem(*key, value, type, given);
      if (problem) problems.push_back({path + "." + name, *problem});
    }
    for (const std::string& name : missing_template_keys(type, given)) {
      problems.push_back({path + "." + name, "missing, but required"});
    }
  }
  return problems;
}

}  // namespace

const std::vector<TemplateKey>& template_keys() {
  static const std::vector<TemplateKey> keys = make_template_keys();
  return keys;
}

std::vector<std::string> missing_template_keys(TaskType type, const std::set<std::string>& given) {
  std::vector<std::string> needed;
  if (type == TaskType::kRolling) needed = {"text"};
  if (type == TaskType::kContinuation) needed = {"prompt", "continuation"};
  if (type == TaskType::kGenerate) needed = {"prompt", "reference"};
  if (type == TaskType::kChoice) {
    if (given.contains("contexts")) {
      needed = {"continuation", "target"};
    } else {
      needed = {"prompt", "choices", "target"};
    }
    if (given.contains("written_prompt")) needed.push_back("written_answers");
    if (given.contains("written_answers")) needed.push_back("written_prompt");
  }
  std::erase_if(needed, [&](const std::string& name) { return given.contains(name); });
  return needed;
}

std::optional<std::string> template_key_problem(const TemplateKey& key, const Json& value,
                                                TaskType type, const std::set<std::string>& given) {
  if (std::find(key.types.begin(), key.types.end(), type) == key.types.end()) {
    return "not used by " + task_type_name(type) + " tasks, only by " + tasks_in_words(key.types);
  }
  if (type == TaskType::kChoice) {
    const bool by_context = given.contains("contexts");
    if ((by_context && (key.name == "prompt" || key.name == "choices")) ||
        (!by_context && key.name == "continuation")) {
      return "found beside " + std::string(by_context ? "contexts" : "no contexts") +
             "; allowed: either prompt and choices, or contexts and continuation";
    }
  }
  if (matches(key.schema, value)) return std::nullopt;
  return "found " + shown(value) + "; allowed: " + allowed_words(key.schema);
}

Field forms_field(std::vector<TaskForm>& forms, const std::optional<TaskType>& type,
                  const std::set<std::string>& at_top) {
  const Json schema = {{"type", "array"}, {"minItems", 1}, {"items", {{"type", "object"}}}};
  Field field = make_field(
                    "forms", schema,
                    "Alternative sets of the keys below, for data whose rows come in different "
                    "shapes: the first set whose fields the first row has is used.",
                    [&forms, &type](const Json& value, const fs::path&) {
                      if (!type) return;  // nothing has been checked
                      for (const Json& one : value) {
                        TaskForm& form = forms.emplace_back();
                        form.key = "forms[" + std::to_string(forms.size() - 1) + "]";
                        for (const TemplateKey& key : template_keys()) {
                          if (one.contains(key.name)) key.store(form, one[key.name]);
                        }
                      }
                    },
                    [] { return Json(); })
                    .allowing("a list of objects with the keys below");
  field.check = [&type, &at_top, allowed = field.allowed](const Json& value, const fs::path&) {
    std::vector<FieldProblem> problems;
    if (!type) return problems;
    if (*type == TaskType::kPerplexity) {
      problems.push_back({"forms", "not used by perplexity tasks: their data is plain text"});
    } else if (!value.is_array() || value.empty()) {
      problems.push_back({"forms", "found " + shown(value) + "; allowed: " + allowed});
    } else {
      problems = forms_problems(value, *type);
    }
    if (!at_top.empty()) {
      problems.push_back({"forms", "found beside " + *at_top.begin() +
                                       " at the top; allowed: only one of the two"});
    }
    return problems;
  };
  return field;
}

}  // namespace expandft
