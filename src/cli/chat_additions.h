#pragma once

#include "chat/conversation.h"

#include <optional>
#include <string>

namespace expandft {

/// What the command line adds to every conversation.
class ChatAdditions {
 public:
  /// `system`: a text. `tools`: a file with a list of tools' JSON schemas, or an object that has
  /// one. `template_kwargs`: an object's JSON. Input errors: other content, and those of read_tools
  /// and read_template_kwargs (data/rows/tool_rows.h).
  ChatAdditions(std::optional<std::string> system, const std::optional<std::string>& tools,
                const std::optional<std::string>& template_kwargs);

  /// Input error, at `where`, for what the conversation has itself.
  void add_to(Conversation& conversation, const std::string& where) const;

 private:
  std::optional<std::string> system_;
  ConversationContext context_;
};

}  // namespace expandft
