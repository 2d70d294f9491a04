#include "chat/chat_prompt.h"

#include "base/error.h"
#include "chat/chat_template.h"

namespace expandft {

ChatPrompt chat_prompt(const ChatFormat& format, const std::string& question,
                       const std::string& where, const Tokenizer& tokenizer) {
  ChatPrompt prompt;
  prompt.text = render_prompt(format, {{ChatRole::kUser, question}}, where);
  prompt.ids = tokenizer.encode(prompt.text);
  prompt.end_tokens = answer_end(format, tokenizer);
  return prompt;
}

std::vector<TokenId> answer_end(const ChatFormat& format, const Tokenizer& tokenizer) {
  return tokenizer.encode(format.answer_end, {.continuation = true});
}

bool wants_chat(const fs::path& model, const std::string& prompt, const Tokenizer& tokenizer) {
  try {
    if (!read_chat_template(model)) return false;
    const ChatFormat format = chat_format_of(model, "auto", tokenizer);
    return prompt.find(format.answer_end) == prompt.npos;
  } catch (const Error&) {
    return false;  // only --chat needs the template, and reports what is wrong
  }
}

}  // namespace expandft
