#pragma once

#include "config/task_config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// A continuation whose likelihood after a context is measured.
struct LikelihoodText {
  std::string context, continuation;  // the continuation starts with the task's delimiter
};

/// A rendered row of a task's data. Which members are set depends on the task's type.
struct TaskExample {
  std::int64_t line = 0;                // of the data file, from 1
  std::vector<LikelihoodText> texts;    // choice: one for each; continuation, rolling: one
  std::string prompt;                   // if the model writes
  std::vector<std::string> choices;     // choice: as acc_norm counts their characters; if the
                                        // model writes: the answers
  std::int64_t target = 0;              // choice: index of the correct one
  std::vector<std::string> references;  // generate: correct texts
  std::int64_t words = 0, bytes = 0;    // rolling: of the document
};

/// Reads and renders a task's data, with few-shot examples before the prompts. Rolling documents
/// have an empty context. Not for perplexity tasks, whose blocks are cut from tokens. Input errors
/// name file and line: no form fits the first row (lists the missing fields of each form), a later
/// row lacks a field or has one of the wrong kind, a choice is empty, a target is not one of the
/// choices, there are fewer than two choices, no rows, or too few few-shot rows; "written" for a
/// form without written answers.
std::vector<TaskExample> load_examples(const TaskConfig& task);

/// Checks what load_task cannot see: input errors at the JSON path for damaged templates and
/// unknown filters, in all forms, and for regular expressions of metrics that do not compile.
/// load_examples finds only those in the forms that it uses.
void check_task(const TaskConfig& task);

}  // namespace expandft
