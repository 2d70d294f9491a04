#pragma once

#include "base/files.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What to do when there is no template, or not the right one.
inline constexpr const char* kChatTemplateHint =
    "name a template (data.chat_template in a run config, --chat-template of generate): a file, or "
    "a built-in one such as chatml; or define with data.template how a row becomes text";

/// Templates besides the default one lie in this folder of a model, as NAME.jinja.
inline constexpr const char* kChatTemplateFolder = "additional_chat_templates";

/// The Jinja text of a chat template, and its place for messages.
struct ChatTemplate {
  std::string text, where;
  std::string name = "default";  // a model can have others: "tool_use" is for rows with tools
};

/// A model's chat templates, the default first. As in transformers: chat_template.jinja with those
/// of additional_chat_templates/; or else "chat_template" in tokenizer_config.json (a text, or a
/// list of texts with names); or the same in chat_template.json. Line ends become LF. Empty if
/// there is none. Input errors: damaged files, and a list without a "default".
std::vector<ChatTemplate> read_chat_templates(const fs::path& directory);

/// A template in a file of its own.
ChatTemplate read_chat_template_file(const fs::path& file);

}  // namespace expandft
