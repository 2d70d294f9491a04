#pragma once

#include "chat/chat_template.h"
#include "chat/conversation.h"
#include "jinja/template.h"

#include <string>

namespace expandft {

/// A chat template, run as apply_chat_template of transformers 5.24 runs it: fields of messages
/// that are null are left out, and reasoning has all of its names. A template that writes the date
/// writes 26 July 2024 (the default of Llama's templates), so that the same rows have the same ids
/// tomorrow; "date_string" and other switches of `kwargs` set another.
class ConversationTemplate {
 public:
  /// `special_tokens`: bos_token, eos_token and so on, as the template names them. Input errors:
  /// what is not Jinja.
  ConversationTemplate(const ChatTemplate& source, Json special_tokens);

  /// `messages`: as in Conversation. Input errors, at `where` too: what the template refuses.
  jinja::Rendering render(const Json& messages, bool generation_prompt,
                          const ConversationContext& context, const std::string& where) const;
  /// Up to where the model's answer begins.
  std::string prompt(const Json& messages, const ConversationContext& context,
                     const std::string& where) const {
    return render(messages, true, context, where).text;
  }

  bool has_generation() const { return template_.has_generation(); }
  /// Whether the template's text has the word: "tools".
  bool mentions(std::string_view word) const { return text_.find(word) != text_.npos; }
  const std::string& source() const { return text_; }
  /// The file, or the name of a built-in template.
  const std::string& where() const { return template_.name(); }

 private:
  jinja::Template template_;
  std::string text_;
  Json special_tokens_;
};

}  // namespace expandft
