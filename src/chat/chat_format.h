#pragma once

#include <optional>
#include <string>
#include <vector>

namespace expandft {

enum class ChatRole { kSystem, kUser, kAssistant };

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string content;
  bool learned = true;  // an assistant's message: whether training learns it
};

/// Where the text of a system message goes.
enum class SystemRule {
  kTurn,       // a separate turn, anywhere
  kFirstUser,  // before the content of the first user turn
  kLastUser,   // before the content of the last user turn
  kRefused,    // the format has no place for it
};

/// How a model family writes a conversation, as data (chat/chat_formats.h has the table). "{bos}"
/// and "{eos}" stand for the tokenizer's tokens. The golden tests compare texts, ids and learned
/// tokens with what apply_chat_template of transformers 5.24 makes of the published chat templates
/// (tests/golden/chat, with Mistral's and a Gemma-like tokenizer). render_chat names a difference.
struct ChatFormat {
  std::string name;
  std::string start;  // before the first turn

  std::string user_before, user_after;
  bool user_trim = false;  // strips white space at both ends of the content

  // The model itself writes, and training learns, what follows answer_before: answer_lead, the
  // content, answer_tail and answer_end, the token that ends the turn.
  std::string answer_before, answer_lead, answer_tail, answer_end, answer_after;
  bool answer_trim = false;

  SystemRule system = SystemRule::kTurn;
  std::string system_before, system_after;  // around the text, in its turn or in the user's
  bool system_trim = false;
  bool trims_joined = false;  // kFirstUser: user_trim strips system text and content as one
  bool skips_empty_system = false;
  std::string first_system_lead;  // kTurn: precedes the first system text
  std::optional<std::string>
      default_system;  // kTurn: the text unless the first message is the system's

  bool alternates = false;  // refuses all but user and assistant in turn, the user first
  bool thinks = false;      // Qwen 3's rules for <think>…</think> in assistant turns
  std::string finish;       // after the last turn
};

/// Bytes [begin, end) of a rendered conversation: what the model writes in one assistant turn,
/// including the end-of-turn token.
struct AnswerSpan {
  std::size_t begin = 0, end = 0;
  bool learned = true;  // the message's
};

struct RenderedChat {
  std::string text;
  std::vector<AnswerSpan> answers;
};

/// Writes the conversation. Input errors, at `where`: an order of roles, or a system message, that
/// the format does not allow.
/// One deliberate difference from the published templates: Mistral's v3 templates put the system
/// text into the last user turn only if nothing follows it, and otherwise lose it. Here it is
/// always there.
RenderedChat render_chat(const ChatFormat& format, const std::vector<ChatMessage>& messages,
                         const std::string& where);

/// The conversation up to where the model's next answer begins.
std::string render_prompt(const ChatFormat& format, const std::vector<ChatMessage>& messages,
                          const std::string& where);

}  // namespace expandft
