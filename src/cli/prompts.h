#pragma once

#include "base/json.h"
#include "base/notice.h"
#include "chat/conversation.h"

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace expandft {

/// What `generate` continues, as the command line gives it.
struct PromptOptions {
  std::optional<std::string> prompt, prompt_file;
  std::optional<std::string> messages;  // a file with a conversation
  std::string prompts;                  // a file of many, or ""
  bool chat = false;
  std::string chat_template = "auto";                         // as in ModelChat
  std::optional<std::string> system, tools, template_kwargs;  // a text, a file, JSON

  /// Whether conversations are continued.
  bool is_chat() const { return chat || messages; }
};

/// --prompt, --prompt-file, --messages, --prompts, --chat and what belongs to it. Returns
/// --prompts.
CLI::Option* add_prompt_options(CLI::App& command, PromptOptions& options);

/// A prompt or a conversation that the model continues.
struct GivenPrompt {
  Json given;                                // a text; or messages, as they were given
  std::string where;                         // for errors
  std::optional<Conversation> conversation;  // of a chat
};

/// Reads what the options name; of --prompts its rows, or else one prompt. Input errors: files that
/// cannot be read, options of a chat without one, conversations that end with an answer, and those
/// of read_conversation (data/rows/chat_rows.h). Notices: fields that nothing reads.
std::vector<GivenPrompt> read_prompts(const PromptOptions& options, Notices& notices);

}  // namespace expandft
