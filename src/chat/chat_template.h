#pragma once

#include "chat/chat_format.h"
#include "tokenizer/tokenizer.h"

#include <optional>
#include <string>

namespace expandft {

/// What to do when the format cannot be told.
inline constexpr const char* kChatFormatHint =
    "name the format that the model was trained with (data.chat_format in a run config, "
    "--chat-format of generate), or say with data.template how a row becomes text";

/// The Jinja text of a model directory, and where it stands.
struct ChatTemplate {
  std::string text, where;
};

/// Line ends are LF, whatever the file has. chat_template.jinja; else "chat_template" of
/// tokenizer_config.json (a text, or the one named "default" in a list); else of
/// chat_template.json. Nothing when none of them has one.
std::optional<ChatTemplate> read_chat_template(const fs::path& directory);

/// The format that a published template writes. It is told from the template's text, by the pieces
/// that the known ones have and others lack: Jinja is never run, for it is code. Input error when
/// the text is none of the known ones.
ChatFormat recognise_chat_template(const ChatTemplate& chat_template);

/// The format for a model: the one named, or with "auto" the one of its template, or without a
/// template the one whose turn tokens the tokenizer has. BOS and EOS are filled in. Input errors:
/// no template and no such tokens, a template that is not known, an unknown name, and a tokenizer
/// without the format's end-of-turn token.
ChatFormat chat_format_of(const fs::path& directory, const std::string& name,
                          const Tokenizer& tokenizer);

}  // namespace expandft
