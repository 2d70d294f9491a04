#pragma once

#include "config/task_config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// A text whose likelihood is asked for, given what comes before it.
struct LikelihoodText {
  std::string context, continuation;  // the continuation begins with the task's delimiter
};

/// A row of a task's data, rendered. Which members are set depends on the task's type.
struct TaskExample {
  std::int64_t line = 0;                // of the data file, from 1
  std::vector<LikelihoodText> texts;    // choice: one for each; continuation, rolling: one
  std::string prompt;                   // where the model writes: what comes before
  std::vector<std::string> choices;     // choice: as acc_norm counts their characters; where the
                                        // model writes: the answers
  std::int64_t target = 0;              // choice: index of the right one
  std::vector<std::string> references;  // generate: texts that are right
  std::int64_t words = 0, bytes = 0;    // rolling: of the document
};

/// Reads and renders a task's data with few-shot examples before the prompts. Rolling documents
/// have an empty context. Not for perplexity tasks, whose blocks are cut from tokens. Input errors
/// name file and line: no form fits the first row (lists for each form the fields that are
/// missing), a later row lacks a field or has one of a wrong kind, a choice is empty, a target is
/// none of the choices, there are fewer than two choices, no row at all, too few few-shot rows;
/// "written" for a form that does not say how.
std::vector<TaskExample> load_examples(const TaskConfig& task);

}  // namespace expandft
