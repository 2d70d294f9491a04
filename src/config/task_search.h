#pragma once

#include "base/files.h"
#include "config/task_config.h"

#include <string>
#include <vector>

namespace expandft {

/// Whether a config's or command line's task is the path of a file, not a name.
bool is_task_path(const std::string& name_or_path);
/// A task by path (has a "/" or ends in .json) or by name: searched in `beside` (folder of the
/// run config, and its tasks/), then in the built-in folder (share/expandft/tasks of the installed
/// tree, or configs/tasks of the source tree). The error lists the names that are there.
/// Its data files are looked for beside the task file, in `data_folders`, in those of
/// $EXPANDFT_TASK_DATA (separated by colons), in `beside`, and in its tasks/ and data/; with
/// ".gz" added where the plain name is not there. One that is in none of them is an input error
/// that lists the places and says where the data can be had.
TaskConfig find_task(const std::string& name_or_path, const fs::path& beside,
                     const std::vector<fs::path>& data_folders = {});
/// find_task of each, in order.
std::vector<TaskConfig> find_tasks(const std::vector<std::string>& names, const fs::path& beside,
                                   const std::vector<fs::path>& data_folders = {});
/// All tasks that find_task finds by name, nearest folder first; a name shadows later ones. Those
/// whose data is missing are among them: has_data.
std::vector<TaskConfig> list_tasks(const fs::path& beside,
                                   const std::vector<fs::path>& data_folders = {});
/// The built-in folder: $EXPANDFT_TASKS, else ../share/expandft/tasks from the executable, else
/// the source tree's configs/tasks (when run from the build folder).
fs::path builtin_task_folder();

}  // namespace expandft
