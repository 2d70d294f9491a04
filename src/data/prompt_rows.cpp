#include "data/prompt_rows.h"

#include "base/error.h"
#include "data/rows/chat_rows.h"
#include "data/text_file.h"

namespace expandft {
namespace {

constexpr const char* kForms =
    "each row is an object with a text \"prompt\", which is continued, or with \"messages\", which "
    "are answered";

PromptRow prompt_row(const Json& row, std::string where, UnreadFields& unread) {
  const bool has_messages = row.contains("messages") || row.contains("conversations");
  const auto prompt = row.find("prompt");
  if (has_messages && prompt != row.end()) {
    throw input_error("the row has a prompt and messages, expected one of them", where);
  }
  if (has_messages) {
    check_row_fields(row, RowForm::kChat, unread, where);
    Conversation conversation = read_conversation(row, /*train_on_prompt=*/false, unread, where);
    if (has_role(conversation.messages.back(), "assistant")) {
      throw input_error("the conversation ends with the assistant's message: it is answered", where,
                        "remove that message, and the base writes another");
    }
    return {{}, std::move(conversation), std::move(where)};
  }
  if (prompt == row.end() || !prompt->is_string()) {
    throw input_error("no text \"prompt\"", where, kForms);
  }
  for (const auto& [name, value] : row.items()) {
    if (name != "prompt") unread.add(name);
  }
  return {prompt->get<std::string>(), std::nullopt, std::move(where)};
}

}  // namespace

std::vector<PromptRow> read_prompt_rows(const fs::path& file, UnreadFields& unread) {
  std::vector<PromptRow> rows;
  for_each_json_line(file, [&](const Json& row, std::int64_t line) {
    rows.push_back(prompt_row(row, file.string() + ":" + std::to_string(line), unread));
  });
  if (rows.empty()) throw input_error("there are no prompts", file.string(), kForms);
  return rows;
}

}  // namespace expandft
