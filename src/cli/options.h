#pragma once

#include "checkpoint/atomic_directory.h"
#include "config/output_form.h"
#include "config/run_config.h"
#include "config/task_config.h"
#include "run/open_model.h"
#include "run/process_options.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace expandft {

// Options that several commands share, as the command line names them.

/// Options that every command takes, before or after the command's name.
struct GlobalOptions {
  ProcessOptions process;
  std::string log_level = "info";  // trace, debug, info, warn, error, off
};
void add_global_options(CLI::App& command, GlobalOptions& options);

/// --set KEY=VALUE, which can be repeated: for commands that read a run config.
void add_set_option(CLI::App& command, std::vector<std::string>& overrides);

/// --precision
void add_precision_option(CLI::App& command, Precision& precision);
/// --strength
CLI::Option* add_strength_option(CLI::App& command, Strength& strength);
/// --adapter, --strength and --precision; --model is up to the command.
void add_model_options(CLI::App& command, ModelSource& source);

/// --layout, one of kLayoutNames.
void add_layout_option(CLI::App& command, Layout& layout);
/// --format and --gguf-type.
struct FormatOptions {
  std::string format;  // empty: by the output's name
  std::string gguf_type;
};
void add_format_options(CLI::App& command, FormatOptions& options);
/// The form of an output: GGUF if the name ends in ".gguf". Input error where name and options
/// contradict each other.
OutputForm form_of(const FormatOptions& options, const std::string& output);
/// --force: an output that expandft wrote is replaced. Without it nothing is.
void add_force_option(CLI::App& command, AtomicDirectory::Existing& existing);

/// --task-data
void add_task_data_option(CLI::App& command, std::vector<fs::path>& folders);
/// Tasks that the command line names: paths are relative to the working folder, not to a config.
std::vector<std::string> named_tasks(const std::vector<std::string>& names);

/// Input error at `where` for budget_problem (config/budget_check.h).
void check_budgets(const DropBudgets& budgets, const std::vector<TaskConfig>& originals,
                   const std::string& where);
/// The values of --max-drop, checked likewise.
DropBudgets read_budgets(const std::vector<std::string>& texts,
                         const std::vector<TaskConfig>& originals);

/// How tasks are measured: what `eval` and `merge --max-drop` share.
struct MeasureOptions {
  std::string cache;  // folder
  bool no_cache = false;
  std::int64_t limit = 0;  // examples of each task; 0: all
};
/// --limit, --cache and --no-cache.
std::vector<CLI::Option*> add_measure_options(CLI::App& command, MeasureOptions& options);
/// The folder of cached outputs; none with --no-cache.
std::optional<fs::path> cache_folder(const MeasureOptions& options);
/// Puts --limit in place of the tasks' own max_examples.
void apply_limit(const MeasureOptions& options, std::vector<TaskConfig>& tasks);

/// --rank-timeout of a command that several ranks run together.
struct RankOptions {
  int timeout = 600;  // seconds
};
void add_rank_options(CLI::App& command, RankOptions& options);
/// This process among the ranks of its job: its options, and the group.
struct JoinedRank {
  ProcessOptions process;
  std::unique_ptr<RankGroup> group;
};
/// Reads the launcher's environment and waits for the other ranks. Past the first rank the log
/// has warnings and errors only.
JoinedRank join_job(const GlobalOptions& global, const RankOptions& options);

/// Accepts one of the values; the message lists them, and names the nearest.
CLI::Validator one_of(std::vector<std::string> values);
/// Accepts numbers from low to high.
CLI::Validator in_range(double low, double high);

}  // namespace expandft
