#pragma once

#include "base/files.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// An evaluation task, as its file declares it. Only "perplexity" so far.
struct TaskConfig {
  std::string name;
  std::string type;                 // "perplexity"
  fs::path data;                    // text file, relative to the task file
  std::int64_t block_length = 256;  // tokens scored together; block i starts afresh
  std::int64_t max_tokens = 0;      // score only the first so many tokens; 0: all
  std::string description;
  fs::path file;  // where it was read from
};

/// Reads a task file strictly: all its problems in one input error.
TaskConfig load_task(const fs::path& file);
/// Whether a config's or command line's task is the path of a file, not a name.
bool is_task_path(const std::string& name_or_path);
/// A task by path (has a "/" or ends in .json) or by name: searched in `beside` (folder of the
/// run config, and its tasks/), then in the built-in folder (share/expandft/tasks of the installed
/// tree, or configs/tasks of the source tree). The error lists the names that are there. A task
/// whose data file is missing is an input error.
TaskConfig find_task(const std::string& name_or_path, const fs::path& beside);
/// find_task of each, in order.
std::vector<TaskConfig> find_tasks(const std::vector<std::string>& names, const fs::path& beside);
/// All tasks that find_task finds by name, nearest folder first; a name shadows later ones.
std::vector<TaskConfig> list_tasks(const fs::path& beside);
/// docs/configuration.md's rows of task keys, from the table that parses.
std::string task_config_reference();
/// The built-in folder: $EXPANDFT_TASKS, else ../share/expandft/tasks from the executable, else
/// the source tree's configs/tasks (when run from the build folder).
fs::path builtin_task_folder();

}  // namespace expandft
