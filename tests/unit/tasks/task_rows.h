#pragma once

#include "config/config_files.h"
#include "config/task_config.h"
#include "tasks/example.h"

#include <string>
#include <vector>

namespace expandft::testing {

/// A task file and its data, written into a folder of their own.
class TaskRows {
 public:
  /// `keys` are those of the task beside name, type and data; `rows` is the JSON lines.
  TaskRows(const std::string& type, const std::string& keys, const std::string& rows) {
    write_text(folder_ / "rows.jsonl", rows);
    write_text(folder_ / "task.json", R"({"name": "t", "type": ")" + type +
                                          R"(", "data": "rows.jsonl")" +
                                          (keys.empty() ? "" : ", " + keys) + "}");
  }

  void write(const std::string& name, const std::string& text) { write_text(folder_ / name, text); }
  TaskConfig task() const { return load_task(folder_ / "task.json"); }
  std::vector<TaskExample> examples() const { return load_examples(task()); }

 private:
  TempDirectory folder_;
};

}  // namespace expandft::testing
