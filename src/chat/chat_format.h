#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

enum class ChatRole { kSystem, kUser, kAssistant };

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string content;
  bool learned = true;  // whether training learns it, if it is the assistant's
};

/// Where the text of a system message goes.
enum class SystemRule {
  kTurn,       // a turn of its own, wherever it stands
  kFirstUser,  // before the content of the first user turn
  kLastUser,   // before the content of the last user turn
  kRefused,    // the format has no place for it
};

/// How a model family writes a conversation, as data. "{bos}" and "{eos}" stand for the tokenizer's
/// tokens. Equal to the families' published chat templates, as transformers renders them.
struct ChatFormat {
  std::string name;
  std::string start;  // before the first turn

  std::string user_before, user_after;
  bool user_trim = false;  // white space at both ends of the content is dropped

  // What the model writes itself, and so what is learned, begins after answer_before: answer_lead,
  // the content, answer_tail and the token that ends the turn.
  std::string answer_before, answer_lead, answer_tail, answer_end, answer_after;
  bool answer_trim = false;

  SystemRule system = SystemRule::kTurn;
  std::string system_before, system_after;  // around the text: of its turn, or inside the user's
  bool system_trim = false;
  bool trims_joined = false;  // kFirstUser: user_trim is for system text and content together
  bool skips_empty_system = false;
  std::string first_system_lead;              // kTurn: stands before the first system text
  std::optional<std::string> default_system;  // kTurn: text when the first message is no system's

  bool alternates = false;  // user and assistant in turn, the user first; else refused
  bool thinks = false;      // Qwen 3's rules for <think>…</think> in assistant turns
  std::string finish;       // after the last turn
};

/// All formats, by name.
const std::vector<ChatFormat>& chat_formats();
/// nullptr when there is none of that name.
const ChatFormat* find_chat_format(std::string_view name);
/// The format with the tokens' texts in place of "{bos}" and "{eos}".
ChatFormat with_tokens(ChatFormat format, const std::string& bos, const std::string& eos);

/// Bytes [begin, end) of a rendered conversation that the model writes in one assistant turn; the
/// last of them are the end-of-turn token.
struct AnswerSpan {
  std::size_t begin = 0, end = 0;
  bool learned = true;  // the message's
};

struct RenderedChat {
  std::string text;
  std::vector<AnswerSpan> answers;
};

/// Writes the conversation. Input errors, at `where`: roles in an order that the format forbids,
/// and a system message that it has no place for.
/// One difference from the published templates: Mistral's v3 templates put the system text into the
/// last user turn only where nothing follows it, and lose it otherwise; here it always goes there.
RenderedChat render_chat(const ChatFormat& format, const std::vector<ChatMessage>& messages,
                         const std::string& where);

/// The conversation as a model is given it to answer: what asks for an answer follows the last
/// turn.
std::string render_prompt(const ChatFormat& format, const std::vector<ChatMessage>& messages,
                          const std::string& where);

}  // namespace expandft
