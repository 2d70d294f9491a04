#include "text/chat_rows.h"

#include "base/error.h"

namespace expandft {
namespace {

/// The names that one form of chat rows gives to things.
struct RowForm {
  const char *list, *role, *content;
  std::vector<std::pair<const char*, ChatRole>> roles;
};

const RowForm& form_of(const Json& row) {
  static const RowForm messages = {"messages",
                                   "role",
                                   "content",
                                   {{"system", ChatRole::kSystem},
                                    {"user", ChatRole::kUser},
                                    {"assistant", ChatRole::kAssistant}}};
  static const RowForm conversations = {"conversations",
                                        "from",
                                        "value",
                                        {{"system", ChatRole::kSystem},
                                         {"human", ChatRole::kUser},
                                         {"gpt", ChatRole::kAssistant},
                                         {"user", ChatRole::kUser},
                                         {"assistant", ChatRole::kAssistant}}};
  return row.contains("messages") ? messages : conversations;
}

std::string found(const Json& value) {
  return value.is_null() ? "null" : std::string("of type ") + value.type_name();
}

ChatRole read_role(const Json& message, const RowForm& form, const std::string& path,
                   const std::string& where) {
  std::string known;
  for (const auto& [name, role] : form.roles)
    known += std::string(known.empty() ? "" : ", ") + name;
  if (!message.contains(form.role) || !message[form.role].is_string()) {
    throw input_error(path + " has no " + form.role + ", expected one of " + known, where);
  }
  const auto given = message[form.role].get<std::string>();
  for (const auto& [name, role] : form.roles) {
    if (given == name) return role;
  }
  throw input_error(path + "." + form.role + " is \"" + given + "\", expected one of " + known,
                    where,
                    given == "tool" ? "conversations with tools are not read in this version" : "");
}

std::string read_content(const Json& message, const RowForm& form, const std::string& path,
                         const std::string& where) {
  if (!message.contains(form.content)) throw input_error(path + " has no " + form.content, where);
  const Json& content = message[form.content];
  const std::string name = path + "." + form.content;
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) {
    throw input_error(name + " is " + found(content) + ", expected a text", where);
  }
  std::string text;
  for (const Json& part : content) {
    const std::string type =
        part.is_object() && part.contains("type") && part["type"].is_string() ? part["type"] : "";
    if (type != "text" || !part.contains("text") || !part["text"].is_string()) {
      throw input_error(
          name + " has a part " +
              (type.empty() || type == "text" ? "without text" : "of type \"" + type + "\"") +
              ", expected {\"type\": \"text\", \"text\": …}",
          where, "only text is learned from");
    }
    text += part["text"].get_ref<const std::string&>();
  }
  return text;
}

}  // namespace

bool is_chat_row(const Json& row) {
  return row.contains("messages") || row.contains("conversations");
}

std::vector<ChatMessage> read_messages(const Json& row, const std::string& where) {
  const RowForm& form = form_of(row);
  const Json& list = row[form.list];
  if (!list.is_array()) {
    throw input_error(std::string("the field \"") + form.list + "\" is " + found(list) +
                          ", expected a list of messages",
                      where);
  }
  if (list.empty()) {
    throw input_error(std::string("the field \"") + form.list + "\" has no messages in it", where);
  }
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string path = std::string(form.list) + "." + std::to_string(i);
    const Json& message = list[i];
    if (!message.is_object()) {
      throw input_error(path + " is " + found(message) + ", expected a message with " + form.role +
                            " and " + form.content,
                        where);
    }
    for (const char* key : {"tool_calls", "reasoning_content"}) {
      if (!message.contains(key) || message[key].is_null() || message[key].empty()) continue;
      if (message[key].is_string() && message[key] == "") continue;
      throw input_error(
          path + " has " + key + ", which is not read in this version", where,
          "leave it out, or write it into " + std::string(form.content) + " as the model does");
    }
    messages.push_back(
        {read_role(message, form, path, where), read_content(message, form, path, where)});
  }
  return messages;
}

std::vector<std::size_t> later_beginnings(const std::vector<ChatMessage>& messages) {
  std::vector<std::size_t> begins;
  bool answered = false;
  std::size_t last_answered = 0;  // beginnings that an answer follows
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == ChatRole::kAssistant) {
      answered = true;
      last_answered = begins.size();
    } else if (messages[i].role == ChatRole::kUser && answered) {
      begins.push_back(i);
      answered = false;
    }
  }
  begins.resize(last_answered);
  return begins;
}

std::vector<ChatMessage> beginning_at(const std::vector<ChatMessage>& messages, std::size_t begin) {
  std::vector<ChatMessage> kept;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i >= begin || messages[i].role == ChatRole::kSystem) kept.push_back(messages[i]);
  }
  return kept;
}

}  // namespace expandft
