#include "config/task_search.h"

#include "base/error.h"
#include "base/json.h"
#include "base/wording.h"
#include "config/fields.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <system_error>

namespace expandft {
namespace {

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
                     hint + "; the path of a task file also works");
}

bool is_regular(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error);
}

std::vector<fs::path> variable_folders() {
  std::vector<fs::path> folders;
  const char* const value = std::getenv("EXPANDFT_TASK_DATA");
  std::stringstream list(value == nullptr ? "" : value);
  for (std::string one; std::getline(list, one, ':');) {
    if (!one.empty()) folders.emplace_back(one);
  }
  return folders;
}

/// The places of a data file that a task file names, nearest first.
std::vector<fs::path> places(const std::string& name, const fs::path& task_file,
                             const fs::path& beside, const std::vector<fs::path>& data_folders) {
  const fs::path here = beside.empty() ? fs::path(".") : beside;
  std::vector<fs::path> folders = {task_file.parent_path()};
  folders.insert(folders.end(), data_folders.begin(), data_folders.end());
  for (const fs::path& folder : variable_folders()) folders.push_back(folder);
  for (const fs::path& folder : {here, here / "tasks", here / "data"}) folders.push_back(folder);
  std::vector<fs::path> found;
  for (const fs::path& folder : folders) {
    const fs::path place = resolve_path(name, working_folder() / folder);
    if (std::find(found.begin(), found.end(), place) == found.end()) found.push_back(place);
  }
  return found;
}

/// Puts the file that is there in `data`; says whether there is one.
bool look_for(const std::vector<fs::path>& places, fs::path& data) {
  for (const fs::path& place : places) {
    for (const char* const ending : {"", ".gz"}) {
      fs::path file = place;
      if (!is_regular(file += ending)) continue;
      data = file;
      return true;
    }
  }
  return false;
}

struct DataFile {
  const char* key;
  const std::string* name;  // as the task file has it
  fs::path* path;
};

std::vector<DataFile> data_files(TaskFile& file) {
  std::vector<DataFile> files = {{"data", &file.data, &file.task.data}};
  if (!file.fewshot_data.empty()) {
    files.push_back({"fewshot.data", &file.fewshot_data, &file.task.fewshot.data});
  }
  return files;
}

Error missing_data(const TaskConfig& task, const DataFile& data,
                   const std::vector<fs::path>& looked_at) {
  std::string list;
  for (const fs::path& place : looked_at) list += "\n  - " + place.string();
  const std::string hint =
      task.source.empty() ? "put the file there, or change its name, which is relative to the task "
                            "file or to a task data folder"
                          : "make it from " + task.source + "; docs/evaluation.md explains how";
  return input_error("the data of task \"" + task.name +
                         "\" was not found; searched for, also with \".gz\" added:" + list,
                     task.file.string() + ": " + data.key, hint);
}

}  // namespace

bool is_task_path(const std::string& name_or_path) {
  return name_or_path.find('/') != name_or_path.npos || name_or_path.ends_with(".json");
}

TaskConfig find_task(const std::string& name_or_path, const fs::path& beside,
                     const std::vector<fs::path>& data_folders) {
  fs::path path;
  if (is_task_path(name_or_path)) {
    path = beside / name_or_path;
  } else {
    const std::vector<Candidate> found = candidates(beside);
    const auto match = std::find_if(found.begin(), found.end(),
                                    [&](const Candidate& one) { return one.name == name_or_path; });
    if (match == found.end()) throw unknown_task(name_or_path, found);
    path = match->file;
  }
  TaskFile file = read_task_file(path);
  for (const DataFile& data : data_files(file)) {
    const auto looked_at = places(*data.name, file.task.file, beside, data_folders);
    if (!look_for(looked_at, *data.path)) throw missing_data(file.task, data, looked_at);
  }
  return std::move(file.task);
}

std::vector<TaskConfig> find_tasks(const std::vector<std::string>& names, const fs::path& beside,
                                   const std::vector<fs::path>& data_folders) {
  std::vector<TaskConfig> tasks;
  for (const std::string& name : names) tasks.push_back(find_task(name, beside, data_folders));
  return tasks;
}

std::vector<TaskConfig> list_tasks(const fs::path& beside,
                                   const std::vector<fs::path>& data_folders) {
  std::vector<TaskConfig> tasks;
  for (const Candidate& one : candidates(beside)) {
    TaskFile file = read_task_file(one.file);
    for (const DataFile& data : data_files(file)) {
      const auto looked_at = places(*data.name, file.task.file, beside, data_folders);
      if (!look_for(looked_at, *data.path)) file.task.has_data = false;
    }
    tasks.push_back(std::move(file.task));
  }
  return tasks;
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
