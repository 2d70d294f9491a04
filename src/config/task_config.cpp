#include "config/task_config.h"

#include "base/error.h"
#include "config/fields.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <system_error>

namespace expandft {
namespace {

FieldTable task_fields(TaskConfig& task) {
  FieldTable table;
  table.title = "expandft evaluation task";
  table.hint = "docs/configuration.md describes task files";
  table.fields = {
      text_field("name", task.name, "What results call it.").required(),
      choice_field<std::string>("type", task.type, {{"perplexity", "perplexity"}},
                                "How it is scored.")
          .required(),
      path_field("data", task.data, "Text file.").required(),
      integer_field("block_length", task.block_length, from_to<std::int64_t>(2, 1'048'576),
                    "Tokens scored together; each block starts afresh."),
      integer_field("max_tokens", task.max_tokens, from_to<std::int64_t>(0, 1'000'000'000),
                    "Only the first so many tokens are scored; 0: all."),
      text_field("description", task.description, "One line about it."),
  };
  return table;
}

/// A file that may be a task, and what it is called.
struct Candidate {
  std::string name;
  fs::path file;
};

/// The name in a file that looks like a task. In a folder of its own every JSON file is meant as
/// one; among other files only those that have the keys.
std::optional<std::string> task_name(const fs::path& file, bool own_folder) {
  try {
    const Json json = read_json(file);
    const auto has_text = [&](const char* key) {
      return json.is_object() && json.contains(key) && json[key].is_string();
    };
    if (has_text("name") && (own_folder || (has_text("type") && has_text("data")))) {
      return json["name"].get<std::string>();
    }
  } catch (const Error&) {  // load_task reports it when the task is asked for
  }
  if (own_folder) return file.stem().string();
  return std::nullopt;
}

void add_candidates(const fs::path& folder, bool own_folder, std::vector<Candidate>& found) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().extension() == ".json" && entry->is_regular_file(ignored)) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const auto name = task_name(file, own_folder);
    const bool known = std::any_of(found.begin(), found.end(),
                                   [&](const Candidate& one) { return one.name == name; });
    if (name && !known) found.push_back({*name, file});
  }
}

/// Nearest folder first: a name found there shadows the built-in one.
std::vector<Candidate> candidates(const fs::path& beside) {
  std::vector<Candidate> found;
  const fs::path folder = beside.empty() ? fs::path(".") : beside;
  add_candidates(folder, false, found);
  add_candidates(folder / "tasks", true, found);
  add_candidates(builtin_task_folder(), true, found);
  return found;
}

Error unknown_task(const std::string& name, const std::vector<Candidate>& found) {
  std::vector<std::string> names;
  std::string list;
  for (const Candidate& one : found) {
    names.push_back(one.name);
    list += (list.empty() ? "" : ", ") + one.name;
  }
  const std::string near = nearest(name, names);
  std::string hint = list.empty() ? "no tasks were found" : "found: " + list;
  if (!near.empty()) hint = "did you mean \"" + near + "\"? " + hint;
  return input_error("no task is called \"" + name + "\"", {},
                     hint + "; a path of a task file works too");
}

}  // namespace

TaskConfig load_task(const fs::path& file) {
  TaskConfig task;
  task.file = resolve_path(file.string(), working_folder());
  read_fields(task_fields(task), read_json(file), file);
  if (task.name.empty()) throw input_error("name: found \"\"; allowed: a text", file.string());
  return task;
}

bool is_task_path(const std::string& name_or_path) {
  return name_or_path.find('/') != name_or_path.npos || name_or_path.ends_with(".json");
}

TaskConfig find_task(const std::string& name_or_path, const fs::path& beside) {
  fs::path file;
  if (is_task_path(name_or_path)) {
    file = beside / name_or_path;
  } else {
    const std::vector<Candidate> found = candidates(beside);
    const auto match = std::find_if(found.begin(), found.end(),
                                    [&](const Candidate& one) { return one.name == name_or_path; });
    if (match == found.end()) throw unknown_task(name_or_path, found);
    file = match->file;
  }
  TaskConfig task = load_task(file);
  std::error_code error;
  if (!fs::is_regular_file(task.data, error)) {
    throw input_error("the data of task \"" + task.name + "\" is not there: " + task.data.string(),
                      task.file.string() + ": data",
                      "put the file there, or change \"data\", which is relative to the task file");
  }
  return task;
}

std::vector<TaskConfig> find_tasks(const std::vector<std::string>& names, const fs::path& beside) {
  std::vector<TaskConfig> tasks;
  for (const std::string& name : names) tasks.push_back(find_task(name, beside));
  return tasks;
}

std::vector<TaskConfig> list_tasks(const fs::path& beside) {
  std::vector<TaskConfig> tasks;
  for (const Candidate& one : candidates(beside)) tasks.push_back(load_task(one.file));
  return tasks;
}

std::string task_config_reference() {
  TaskConfig task;
  return fields_reference(task_fields(task));
}

fs::path builtin_task_folder() {
  const char* const chosen = std::getenv("EXPANDFT_TASKS");
  if (chosen != nullptr && *chosen != '\0') return chosen;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path installed = program.parent_path().parent_path() / "share" / "expandft" / "tasks";
    if (fs::is_directory(installed, error)) return installed;
  }
  return fs::path(EXPANDFT_SOURCE_DIR) / "configs" / "tasks";
}

}  // namespace expandft
