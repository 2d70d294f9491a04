#pragma once

#include "base/files.h"
#include "config/task_config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace expandft {

/// How tasks are measured: what `eval` and `merge --max-drop` share.
struct MeasureOptions {
  std::string cache;  // folder
  bool no_cache = false;
  std::int64_t limit = 0;  // examples of each task; 0: all
};

/// --limit, --cache and --no-cache.
std::vector<CLI::Option*> add_measure_options(CLI::App& command, MeasureOptions& options);

/// The folder of outputs; none with --no-cache.
std::optional<fs::path> cache_folder(const MeasureOptions& options);
/// Puts --limit in place of the tasks' own max_examples.
void apply_limit(const MeasureOptions& options, std::vector<TaskConfig>& tasks);

}  // namespace expandft
