#pragma once

#include "base/files.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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
/// The types by the names that task files give them.
const std::vector<std::pair<std::string, TaskType>>& task_type_names();
/// "choice, continuation and generate tasks".
std::string tasks_in_words(const std::vector<TaskType>& types);

/// How a choice task asks for an answer that the model writes.
struct WrittenForm {
  std::string prompt;                // template
  std::vector<std::string> answers;  // what may be written, in the order of the choices
};

/// A way in which a row becomes a prompt and what may follow it. All texts are templates with
/// filters (data/rows/template.h). A list of one template that is a single place gives the list
/// that its field holds.
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

/// Reads a task file strictly: all its problems in one input error. Templates and regular
/// expressions are checked by check_task (tasks/example.h). Relative data is taken to lie beside
/// the file, whether it is there or not.
TaskConfig load_task(const fs::path& file);

/// A task file as it was read, with its data files as it names them.
struct TaskFile {
  TaskConfig task;
  std::string data, fewshot_data;  // few-shot: empty when there is none
};

/// load_task, with the names of the data files beside it.
TaskFile read_task_file(const fs::path& file);

/// docs/configuration.md's rows of task keys, from the table that parses.
std::string task_config_reference();

}  // namespace expandft
