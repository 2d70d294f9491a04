#include "cli/prompts.h"

#include "base/error.h"
#include "base/numbers.h"
#include "cli/chat_additions.h"
#include "cli/output.h"
#include "data/rows/chat_rows.h"
#include "data/rows/row_fields.h"
#include "data/text_file.h"

#include <array>
#include <cstdint>
#include <utility>

namespace expandft {
namespace {

std::string place_of(const std::string& file_or_dash) {
  return file_or_dash == "-" ? "stdin" : file_or_dash;
}

bool has_messages(const Json& row) {
  return row.contains("messages") || row.contains("conversations");
}

/// Written numbers (base/numbers.h) as plain ones, which can be printed.
Json printable_json(Json value) {
  if (is_written_number(value)) return Json::parse(*scalar_text(value));
  if (value.is_structured()) {
    for (Json& item : value) item = printable_json(std::move(item));
  }
  return value;
}

void check_options(const PromptOptions& options) {
  if (options.is_chat()) return;
  const std::array<std::pair<const char*, bool>, 4> given = {
      {{"--chat-template", options.chat_template != "auto"},
       {"--system", options.system.has_value()},
       {"--tools", options.tools.has_value()},
       {"--chat-template-kwargs", options.template_kwargs.has_value()}}};
  for (const auto& [name, is_given] : given) {
    if (!is_given) continue;
    throw input_error(std::string(name) + " requires --chat or --messages", "expandft generate",
                      "add --chat to write the prompt as a user's message");
  }
}

/// Reads prompts and rows, and counts fields that nothing reads.
class PromptReader {
 public:
  explicit PromptReader(const PromptOptions& options)
      : is_chat_(options.is_chat()),
        additions_(options.system, options.tools, options.template_kwargs) {}

  GivenPrompt of_text(const std::string& text, const std::string& where) {
    if (!is_chat_) return {text, where, std::nullopt};
    return of_question(text, Json::object(), where);
  }

  /// A row that has "messages" as training rows have them.
  GivenPrompt of_messages(const Json& row, const std::string& where) {
    check_row_fields(row, RowForm::kChat, unread_, where);
    const char* const list = row.contains("messages") ? "messages" : "conversations";
    return {printable_json(row[list]), where, conversation_of(row, where)};
  }

  GivenPrompt of_row(const Json& row, const std::string& where) {
    if (is_chat_ && has_messages(row)) {
      if (!row.contains("prompt")) return of_messages(row, where);
      throw input_error("the row has a prompt and messages, expected one of them", where);
    }
    const auto found = row.find("prompt");
    if (found == row.end() || !found->is_string()) {
      throw input_error("no text \"prompt\"", where,
                        is_chat_            ? "each row is an object with it, or with \"messages\""
                        : has_messages(row) ? "give --chat to continue conversations"
                                            : "each row of --prompts is an object with it");
    }
    const auto text = found->get<std::string>();
    return is_chat_ ? of_question(text, row, where) : GivenPrompt{text, where, std::nullopt};
  }

  const UnreadFields& unread() const { return unread_; }

 private:
  /// `row`: may have a system text, tools and so on.
  GivenPrompt of_question(const std::string& text, const Json& row, const std::string& where) {
    constexpr std::array kContext = {"system", "system_prompt", "system_message",
                                     "tools",  "functions",     "chat_template_kwargs"};
    Json chat;
    chat["messages"].push_back(Json::object({{"role", "user"}, {"content", text}}));
    for (const char* const name : kContext) {
      if (row.contains(name)) chat[name] = row[name];
    }
    return {text, where, conversation_of(chat, where)};
  }

  Conversation conversation_of(const Json& row, const std::string& where) {
    Conversation conversation = read_conversation(row, /*train_on_prompt=*/false, unread_, where);
    if (has_role(conversation.messages.back(), "assistant")) {
      throw input_error("the conversation ends with the assistant's message: it is answered", where,
                        "remove that message, and the model writes another");
    }
    additions_.add_to(conversation, where);
    return conversation;
  }

  bool is_chat_;
  ChatAdditions additions_;
  UnreadFields unread_;
};

GivenPrompt read_messages_file(const std::string& file, PromptReader& reader) {
  const std::string where = place_of(file);
  const Json json = parse_json(read_text(file), where, JsonNumbers::kAsWritten);
  if (json.is_array()) return reader.of_messages(Json::object({{"messages", json}}), where);
  if (json.is_object() && has_messages(json)) return reader.of_messages(json, where);
  throw input_error("found JSON " + found_kind(json) +
                        ", expected a list of messages, or an object with \"messages\"",
                    where);
}

}  // namespace

CLI::Option* add_prompt_options(CLI::App& command, PromptOptions& options) {
  CLI::Option* const prompt =
      command.add_option("--prompt", options.prompt, "Text to continue; without it, stdin")
          ->type_name("TEXT");
  CLI::Option* const prompt_file =
      command.add_option("--prompt-file", options.prompt_file, "The same from a file (-: stdin)")
          ->type_name("FILE")
          ->excludes(prompt);
  CLI::Option* const messages =
      command
          .add_option("--messages", options.messages,
                      "Answer a conversation: JSON, a list of messages or an object with "
                      "\"messages\" as in chat rows of training data (-: stdin)")
          ->type_name("FILE")
          ->excludes(prompt)
          ->excludes(prompt_file);
  CLI::Option* const prompts =
      command
          .add_option("--prompts", options.prompts,
                      "Continue many prompts together: JSON lines with a field \"prompt\" or, with "
                      "--chat, \"messages\". Prints a line of JSON for each, in order; the i-th, "
                      "from 0, draws with seed + i")
          ->type_name("FILE")
          ->excludes(prompt)
          ->excludes(prompt_file)
          ->excludes(messages);
  command.add_flag("--chat", options.chat,
                   "Write the prompt as a user's message with the model's chat template");
  command
      .add_option("--chat-template", options.chat_template,
                  "The template of a chat: a name or a file, as in data.chat_template")
      ->type_name("NAME|FILE")
      ->capture_default_str();
  command.add_option("--system", options.system, "System message that begins each chat")
      ->type_name("TEXT");
  command
      .add_option("--tools", options.tools,
                  "Tools that a chat can call: JSON, a list of their schemas or {\"tools\": […]}")
      ->type_name("FILE");
  command
      .add_option("--chat-template-kwargs", options.template_kwargs,
                  "The chat template's own switches, such as '{\"enable_thinking\": false}'")
      ->type_name("JSON");
  command
      .add_option_function<std::string>("--chat-format",
                                        [](const std::string&) {
                                          throw CLI::ValidationError("--chat-format",
                                                                     "renamed to --chat-template");
                                        })
      ->group("");  // not in the help
  return prompts;
}

std::vector<GivenPrompt> read_prompts(const PromptOptions& options, Notices& notices) {
  check_options(options);
  PromptReader reader(options);
  std::vector<GivenPrompt> prompts;
  std::string file;
  if (options.messages) {
    file = *options.messages;
    prompts.push_back(read_messages_file(file, reader));
  } else if (!options.prompts.empty()) {
    file = options.prompts;
    for_each_json_line(file, [&](const Json& row, std::int64_t line) {
      prompts.push_back(reader.of_row(row, file + ":" + std::to_string(line)));
    });
    if (prompts.empty()) throw input_error("there are no prompts", file);
  } else if (options.prompt) {
    prompts.push_back(reader.of_text(*options.prompt, "--prompt"));
  } else {
    file = options.prompt_file.value_or("-");
    prompts.push_back(reader.of_text(read_text(file), place_of(file)));
  }
  if (!reader.unread().empty()) {
    notices.push_back(
        {"nothing reads the fields " + reader.unread().text(), place_of(file), "remove them"});
  }
  return prompts;
}

}  // namespace expandft
