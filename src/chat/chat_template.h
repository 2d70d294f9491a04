#pragma once

#include "chat/chat_format.h"
#include "tokenizer/tokenizer.h"

#include <optional>
#include <string>

namespace expandft {

/// What to do when the format is not known.
inline constexpr const char* kChatFormatHint =
    "name the format that the model was trained with (data.chat_format in a run config, "
    "--chat-format of generate), or define with data.template how a row becomes text";

/// The Jinja text of a model directory, and its place.
struct ChatTemplate {
  std::string text, where;
};

/// The first of: chat_template.jinja; "chat_template" in tokenizer_config.json (a text, or the one
/// named "default" in a list); the same in chat_template.json. Line ends become LF. Nothing if
/// there is no template.
std::optional<ChatTemplate> read_chat_template(const fs::path& directory);

/// A model's format, with BOS and EOS filled in: the one named; with "auto" that of its template
/// (chat/chat_recognition.h); without a template the one whose turn tokens the tokenizer has. Input
/// errors: no template and no such tokens, an unknown template, an unknown name, and a tokenizer
/// without the format's end-of-turn token.
ChatFormat chat_format_of(const fs::path& directory, const std::string& name,
                          const Tokenizer& tokenizer);

/// Whether a plain prompt was probably meant for the model's chat format: the model has a known
/// chat template, and the prompt has no turns.
bool wants_chat(const fs::path& model, const std::string& prompt, const Tokenizer& tokenizer);

}  // namespace expandft
