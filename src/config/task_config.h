#pragma once

#include "base/files.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// How a task is scored: docs/evaluation.md.
enum class TaskType {
  kPerplexity,    // a text in blocks that start afresh
  kRolling,       // whole documents in windows, as lm-evaluation-harness rolls them
  kChoice,        // which of some texts follows
  kContinuation,  // how likely one text is, and whether greedy decoding would write it
  kGenerate,      // what the model writes
};
/// "perplexity", "rolling", "choice", "continuation", "generate".
std::string task_type_name(TaskType type);

/// How a choice task asks for an answer that the model writes.
struct WrittenForm {
  std::string prompt;                // template
  std::vector<std::string> answers;  // what may be written, in the order of the choices
};

/// A way in which a row becomes a prompt and what may follow it. All texts are templates with
/// filters (data/template.h). A list of one template that is a single place gives the list that its
/// field holds.
struct TaskForm {
  std::string key;                      // where the file has it: "" at the top, else "forms[1]"
  std::string prompt;                   // choice, continuation, generate
  std::vector<std::string> contexts;    // choice, in place of a prompt: one for each choice
  std::vector<std::string> choices;     // choice, after a prompt
  std::string continuation;             // continuation; choice with contexts: what follows each
  std::string target;                   // choice: index of the right one (0 on), or one of `labels`
  std::vector<std::string> labels;      // choice: what the target may be, in the choices' order
  std::vector<std::string> references;  // generate: texts that are right
  std::string text;                     // rolling: the document
  std::string counted;                  // rolling: whose words and bytes count; "": the text's
  std::optional<WrittenForm> written;   // choice, where the model writes
};

/// Solved examples before the prompt.
struct FewShotConfig {
  fs::path data;              // JSON lines, relative to the task file
  std::int64_t count = 0;     // 0: none
  bool random = true;         // drawn for each example, as lm-evaluation-harness draws them
  bool spare = false;         // random: one more is drawn than is needed
  std::uint64_t seed = 1234;  // of the drawing
};

struct MetricConfig {
  std::string metric;  // acc, acc_norm, perplexity, word_perplexity, exact_match, bleu, ...
  std::string name;    // what results call it: by default the metric's
  // exact_match and contains: what is compared, on both sides
  std::optional<std::string> extract;  // regular expression, of what was written alone
  bool last = false;                   // the last match of `extract`, not the first
  std::vector<std::string> ignore;     // regular expressions whose matches are removed
  bool ignore_case = false, ignore_punctuation = false;
};

/// An evaluation task, as its file declares it.
struct TaskConfig {
  std::string name;
  TaskType type = TaskType::kPerplexity;
  fs::path data;  // where it lies: find_task has looked for it
  std::string description;
  std::string source;             // where the data can be had
  fs::path file;                  // where the task was read from
  std::int64_t max_examples = 0;  // only the first so many; 0: all
  bool has_data = true;           // list_tasks: whether all of its data files were found

  // perplexity
  std::int64_t block_length = 256;  // tokens scored together; block i starts afresh
  // perplexity: only the first so many tokens are scored, 0: all; generate: at most so many are
  // written, 0: 256
  std::int64_t max_tokens = 0;

  // all others
  std::vector<TaskForm> forms;  // the first whose fields the data's first row has is taken
  std::string delimiter = " ";  // between prompt and what follows it
  std::string fewshot_delimiter = "\n\n";
  FewShotConfig fewshot;
  // Each ends what the model writes, and is no part of it. By default "\n" for a choice task.
  std::vector<std::string> until;
  std::vector<MetricConfig> metrics;  // the first is judged
  bool written = false;               // choice: the model writes the answer

  /// Whether what counts is a text that the model writes, not likelihoods.
  bool writes() const { return type == TaskType::kGenerate || written; }
};

/// What is measured where a task file names no metric; none for a generate task.
std::vector<MetricConfig> default_metrics(TaskType type, bool written);

/// Reads a task file strictly: all its problems in one input error. Templates and regular
/// expressions are checked by check_task (tasks/check_task.h). Relative data is taken to lie beside
/// the file, whether it is there or not.
TaskConfig load_task(const fs::path& file);
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
/// docs/configuration.md's rows of task keys, from the table that parses.
std::string task_config_reference();
/// The built-in folder: $EXPANDFT_TASKS, else ../share/expandft/tasks from the executable, else
/// the source tree's configs/tasks (when run from the build folder).
fs::path builtin_task_folder();

}  // namespace expandft
