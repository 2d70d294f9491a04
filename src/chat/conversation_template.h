#pragma once

#include "base/json.h"
#include "chat/chat_format.h"
#include "chat/chat_template.h"
#include "jinja/template.h"

#include <optional>
#include <string>

namespace expandft {

/// What a chat template is given besides the messages.
struct ConversationContext {
  Json tools;                    // null, or a list of JSON schemas
  Json kwargs = Json::object();  // "chat_template_kwargs": the template's own switches
};

/// A model's chat template, run as apply_chat_template of transformers 5.24 runs it: fields of
/// messages that are null are left out, and reasoning has all of its names. A template that writes
/// the date writes 26 July 2024 (the default of Llama's templates): the same rows have the same ids
/// tomorrow; "date_string" and other switches of `kwargs` set another.
class ConversationTemplate {
 public:
  /// `special_tokens`: bos_token, eos_token and so on, as the template names them. Input errors:
  /// what is not Jinja.
  ConversationTemplate(const ChatTemplate& source, Json special_tokens);

  /// Input errors, at `where` too: what the template refuses.
  jinja::Rendering render(const Json& messages, bool generation_prompt,
                          const ConversationContext& context, const std::string& where) const;
  /// Up to where the model's answer begins.
  std::string prompt(const Json& messages, const ConversationContext& context,
                     const std::string& where) const {
    return render(messages, true, context, where).text;
  }

  bool has_generation() const { return template_.has_generation(); }

 private:
  jinja::Template template_;
  Json special_tokens_;
};

/// What a template writes after an answer: of "…</s>\n" the text "</s>" ends the turn.
std::string text_after_answers(const ConversationTemplate& conversation);

/// The conversation, and which bytes of it the assistant wrote: what generation blocks wrote, or
/// else each answer as it is rendered up to and with `answer_end`, found by rendering the
/// conversation up to the answer. Input errors, at `where`: what the template refuses, and answers
/// whose place cannot be told. `learned`: of each message, whether it is to be learned.
RenderedChat render_conversation(const ConversationTemplate& conversation, const Json& messages,
                                 const std::vector<bool>& learned,
                                 const ConversationContext& context, const std::string& answer_end,
                                 const std::string& where);

}  // namespace expandft
