#pragma once

#include "base/files.h"
#include "chat/conversation.h"
#include "data/rows/row_fields.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A row of a file of prompts: a text to continue, or a conversation to answer.
struct PromptRow {
  std::string text;
  std::optional<Conversation> conversation;  // then there is no text
  std::string where;                         // file:line
};

/// The prompts of a file of JSON lines: rows with "prompt", or with "messages" as in training data
/// (read_conversation). Fields that nothing reads are counted. Input errors, at file:line: rows
/// with neither or both, an empty prompt, conversations that end with an answer, and those of
/// read_conversation; a file without rows.
std::vector<PromptRow> read_prompt_rows(const fs::path& file, UnreadFields& unread);

}  // namespace expandft
