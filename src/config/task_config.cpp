#include "config/task_config.h"

#include "base/error.h"
#include "config/field_reader.h"
#include "config/json_check.h"
#include "config/task_metrics.h"
#include "config/task_templates.h"

#include <algorithm>
#include <set>

namespace expandft {
namespace {

const std::vector<TaskType> kPrompted = {TaskType::kChoice, TaskType::kContinuation,
                                         TaskType::kGenerate};
const std::vector<TaskType> kWriting = {TaskType::kChoice, TaskType::kGenerate};

/// What the fields are bound to.
struct Draft {
  TaskFile file;
  std::optional<TaskType> type;  // none until a valid one is read
  TaskForm form;                 // of the form keys at the top
  std::set<std::string> given;   // form keys at the top
  bool has_forms = false;
  bool has_until = false;
};

/// The field of tasks of some types; in a file of another it is a problem.
Field only_for(const std::vector<TaskType>& types, const Draft& draft, Field field) {
  const auto fits = [schema = field.schema, allowed = field.allowed](const Json& value) {
    return matches(schema, value) ? "" : "found " + shown(value) + "; allowed: " + allowed;
  };
  const std::string key = field.path;
  field.check = [&draft, types, key, fits](const Json& value, const fs::path&) {
    std::vector<FieldProblem> problems;
    if (draft.type && std::find(types.begin(), types.end(), *draft.type) == types.end()) {
      problems.push_back({key, "not used by " + task_type_name(*draft.type) + " tasks, only by " +
                                   tasks_in_words(types)});
    } else if (const std::string problem = fits(value); !problem.empty()) {
      problems.push_back({key, problem});
    }
    return problems;
  };
  field.doc += " For " + tasks_in_words(types) + ".";
  return field;
}

Field data_field(std::string path, fs::path& member, std::string& name, std::string doc) {
  Field field = path_field(std::move(path), member, std::move(doc));
  field.store = [&member, &name](const Json& value, const fs::path& folder) {
    name = value.get<std::string>();
    member = resolve_path(name, folder);
  };
  return field;
}

Field text_list_field(std::string path, std::vector<std::string>& member, std::string doc) {
  return make_field(
             std::move(path), texts_schema(), std::move(doc),
             [&member](const Json& value, const fs::path&) { member = texts_of(value); },
             [&member] { return Json(member); })
      .allowing(allowed_words(texts_schema()));
}

Field form_field(const TemplateKey& key, Draft& draft) {
  Field field = make_field(
                    key.name, key.schema, key.doc + " For " + tasks_in_words(key.types) + ".",
                    [&draft, &key](const Json& value, const fs::path&) {
                      if (draft.type)
                        key.store(draft.form, value);  // without, nothing has been checked
                    },
                    [] { return Json(); })
                    .allowing(allowed_words(key.schema));
  field.check = [&draft, &key](const Json& value, const fs::path&) {
    std::vector<FieldProblem> problems;
    if (!draft.type) return problems;
    const auto problem = template_key_problem(key, value, *draft.type, draft.given);
    if (problem) problems.push_back({key.name, *problem});
    return problems;
  };
  field.is_needed = [&draft, &key] {
    if (!draft.type || draft.has_forms) return false;
    const auto missing = missing_template_keys(*draft.type, draft.given);
    return std::find(missing.begin(), missing.end(), key.name) != missing.end();
  };
  return field;
}

std::vector<std::pair<std::string, std::optional<TaskType>>> type_choices() {
  return {task_type_names().begin(), task_type_names().end()};
}

FieldTable task_fields(Draft& draft) {
  TaskConfig& task = draft.file.task;
  FieldTable table;
  table.title = "expandft evaluation task";
  table.hint = "docs/evaluation.md describes task files";
  table.foreign = foreign_task_keys();
  table.groups = {{"fewshot", "Solved examples before each prompt.", true}};
  table.fields = {
      text_field("name", task.name, "Name of the task in results.").required(),
      choice_field("type", draft.type, type_choices(), "How the task is scored.").required(),
      data_field("data", task.data, draft.file.data,
                 "JSON lines, or plain text for a perplexity task; may be compressed (`.gz`). "
                 "Searched for beside the task file, then in the task data folders.")
          .required(),
      text_field("description", task.description, "One line that describes the task."),
      text_field("source", task.source, "Where to get the data."),
      only_for(
          {TaskType::kRolling, TaskType::kChoice, TaskType::kContinuation, TaskType::kGenerate},
          draft,
          integer_field("max_examples", task.max_examples, from_to<std::int64_t>(0, 1'000'000'000),
                        "Use only this many rows, from the first; 0: all.")),
      only_for({TaskType::kPerplexity}, draft,
               integer_field("block_length", task.block_length, from_to<std::int64_t>(2, 1'048'576),
                             "Tokens scored together; each block starts without context.")),
      only_for({TaskType::kPerplexity, TaskType::kChoice, TaskType::kGenerate}, draft,
               integer_field("max_tokens", task.max_tokens, from_to<std::int64_t>(0, 1'000'000'000),
                             "Perplexity: score only this many tokens, from the first; 0: all. "
                             "Otherwise: maximum tokens that the model writes; 0: 256.")),
      only_for(
          kPrompted, draft,
          text_field("delimiter", task.delimiter, "Text between a prompt and what follows it.")),
      only_for(kPrompted, draft,
               text_field("fewshot_delimiter", task.fewshot_delimiter,
                          "Text after each solved example.")),
      only_for(kPrompted, draft,
               data_field("fewshot.data", task.fewshot.data, draft.file.fewshot_data,
                          "JSON lines, searched for like `data`. If this is the same file as "
                          "`data`, the row in question is left out."))
          .required(),
      only_for(kPrompted, draft,
               integer_field("fewshot.count", task.fewshot.count, from_to<std::int64_t>(0, 1000),
                             "Number of examples; 0: none."))
          .required(),
      only_for(kPrompted, draft,
               choice_field<bool>(
                   "fewshot.sampling", task.fewshot.random, {{"random", true}, {"first", false}},
                   "Draw new examples for each prompt, or always use the first ones.")),
      only_for(kPrompted, draft,
               flag_field("fewshot.spare", task.fewshot.spare,
                          "Draw one more than needed, as lm-evaluation-harness does for data sets "
                          "without a test split.")),
      only_for(kPrompted, draft,
               integer_field("fewshot.seed", task.fewshot.seed,
                             from_to<std::int64_t>(0, 9'007'199'254'740'992),
                             "Seed for drawing the examples.")),
      only_for(kWriting, draft,
               text_list_field("until", task.until,
                               "Texts that end what the model writes, and are not part of it. "
                               "Default for a choice task: `\"\\n\"`.")),
      only_for(
          {TaskType::kChoice}, draft,
          flag_field(
              "written", task.written,
              "The model writes the answer, instead of comparing the likelihoods of the choices.")),
      metrics_field(task.metrics, draft.type, task.written),
      forms_field(task.forms, draft.type, draft.given),
  };
  for (const TemplateKey& key : template_keys()) table.fields.push_back(form_field(key, draft));
  return table;
}

void note_given(const Json& document, Draft& draft) {
  if (!document.is_object()) return;
  for (const TemplateKey& key : template_keys()) {
    if (document.contains(key.name)) draft.given.insert(key.name);
  }
  draft.has_forms = document.contains("forms");
  draft.has_until = document.contains("until");
}

}  // namespace

const std::vector<std::pair<std::string, TaskType>>& task_type_names() {
  static const std::vector<std::pair<std::string, TaskType>> names = {
      {"perplexity", TaskType::kPerplexity},
      {"rolling", TaskType::kRolling},
      {"choice", TaskType::kChoice},
      {"continuation", TaskType::kContinuation},
      {"generate", TaskType::kGenerate}};
  return names;
}

std::string task_type_name(TaskType type) {
  for (const auto& [name, value] : task_type_names()) {
    if (value == type) return name;
  }
  return {};
}

std::string tasks_in_words(const std::vector<TaskType>& types) {
  std::string list;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (i > 0) list += i + 1 == types.size() ? " and " : ", ";
    list += task_type_name(types[i]);
  }
  return list + " tasks";
}

TaskFile read_task_file(const fs::path& file) {
  Draft draft;
  TaskConfig& task = draft.file.task;
  task.file = resolve_path(file.string(), working_folder());
  const Json document = read_json(file);
  note_given(document, draft);
  read_fields(task_fields(draft), document, file);
  if (task.name.empty()) throw input_error("name: found \"\"; allowed: a string", file.string());
  task.type = draft.type.value();
  if (!draft.given.empty()) task.forms.push_back(draft.form);
  if (task.metrics.empty()) task.metrics = default_metrics(task.type, task.written);
  if (task.type == TaskType::kChoice && !draft.has_until) task.until = {"\n"};
  return std::move(draft.file);
}

TaskConfig load_task(const fs::path& file) {
  return read_task_file(file).task;
}

std::string task_config_reference() {
  Draft draft;
  return fields_reference(task_fields(draft));
}

}  // namespace expandft
