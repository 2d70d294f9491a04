#pragma once

#include "chat/conversation_template.h"
#include "chat/rendered_chat.h"
#include "tokenizer/example.h"
#include "tokenizer/tokenizer.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A question as the model reads it: the text up to where the answer begins, its ids, and the ids
/// that end the answer.
struct ChatPrompt {
  std::string text;
  std::vector<TokenId> ids, end_tokens;
};

/// A model's way to write conversations: its chat templates, and the tokens that end an answer.
/// Threads may share it.
class ModelChat {
 public:
  /// `choice`: "auto", the model's own templates, or without any a built-in one whose turn tokens
  /// the tokenizer has; the name of one of the model's templates; the name of a built-in template
  /// (chat/builtin_templates.h); or a file. `tokenizer` must outlive the object. Input errors: no
  /// template and no such tokens; what is not Jinja; an unknown name; a tokenizer that splits
  /// special tokens.
  ModelChat(const fs::path& directory, const std::string& choice, const Tokenizer& tokenizer);

  /// The conversation as text, with the places of its answers. Rows with tools use the model's
  /// template "tool_use" if it has one. Input errors as in render_conversation; answers that no
  /// token ends; and what the template would leave out (chat/lost_text.h).
  RenderedChat render(const Conversation& conversation, const AnswerRules& rules,
                      const std::string& where) const;
  /// Its text alone.
  std::string text(const Conversation& conversation, const std::string& where) const;

  /// Input errors as above.
  ChatPrompt prompt(const Conversation& conversation, const std::string& where) const;
  ChatPrompt prompt(const std::string& question, const std::string& where) const;

  /// The ids that end an answer or a turn of tool calls. Empty if the template writes none.
  std::vector<TokenId> end_tokens() const;
  /// The text of the token that ends an answer, or "".
  std::string end_text() const;
  /// The template that rows without tools use: its Jinja text, and a file or the name of a built-in
  /// template.
  const std::string& source() const { return plain_.conversation.source(); }
  const std::string& where() const { return plain_.conversation.where(); }

 private:
  struct Written {
    ConversationTemplate conversation;
    std::optional<AnswerEnd> end;
    std::string call_end;  // the text of the token that ends a turn of tool calls, or ""
  };
  static Written written(const ChatTemplate& source, const Json& special_tokens,
                         const Tokenizer& tokenizer);
  const Written& template_of(const Conversation& conversation) const;

  const Tokenizer& tokenizer_;
  std::optional<Written> with_tools_;
  Written plain_;
};

/// Whether a plain prompt was probably meant as a chat's: the model has a chat template, and the
/// prompt has no turns.
bool wants_chat(const fs::path& model, const std::string& prompt, const Tokenizer& tokenizer);

}  // namespace expandft
