#pragma once

#include "gguf/gguf_file.h"
#include "gguf/gguf_tokenizer.h"

#include <string>
#include <string_view>
#include <vector>

namespace expandft {

// A GGUF file has its default chat template in kGgufChatTemplate, each other one in that key with
// ".NAME" behind it, and the names in kGgufChatTemplates.
inline constexpr const char* kGgufChatTemplate = "tokenizer.chat_template";
inline constexpr const char* kGgufChatTemplates = "tokenizer.chat_templates";
std::string gguf_chat_template_key(std::string_view name);

/// Whether a template other than the default one can have the name, which becomes a file's: 1 to
/// 100 ASCII letters, digits, "_" and "-".
bool is_chat_template_name(std::string_view name);

/// chat_template.jinja, and additional_chat_templates/NAME.jinja of the others: those that are
/// listed, and those that only have a key, where llama.cpp finds them too. Input errors name the
/// key: another name, and one that is listed and has no key.
std::vector<TextFile> gguf_chat_template_files(const GgufFile& file);

}  // namespace expandft
