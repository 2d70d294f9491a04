#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"

namespace expandft {

/// An evaluation task, as its file declares it. Only "perplexity" so far.
struct TaskConfig {
  std::string name;
  std::string type;            // "perplexity"
  fs::path data;               // text file, relative to the task file
  std::int64_t block_length = 256;   // tokens scored together; block i starts afresh
  std::int64_t max_tokens = 0;       // score only the first so many tokens; 0: all
  std::string description;
  fs::path file;               // where it was read from
};

TaskConfig load_task(const fs::path& file);
/// A task by path (has a "/" or ends in .json) or by name: searched in `beside` (folder of the
/// run config, and its tasks/), then in the built-in folder (share/expandft/tasks of the installed
/// tree, or configs/tasks of the source tree). The error lists the names that are there.
TaskConfig find_task(const std::string& name_or_path, const fs::path& beside);
std::vector<TaskConfig> list_tasks(const fs::path& beside);
/// The built-in folder: $EXPANDFT_TASKS, else ../share/expandft/tasks from the executable, else
/// the source tree's configs/tasks (when run from the build folder).
fs::path builtin_task_folder();

}  // namespace expandft
