#include "data/chat_rows.h"

#include "base/error.h"
#include "base/numbers.h"
#include "data/row_fields.h"

#include <algorithm>
#include <array>
#include <optional>

namespace expandft {
namespace {

/// The fields that exclude a message from training, by their names in various programs.
constexpr std::array<std::string_view, 5> kSwitches = {"weight", "train", "training", "trainable",
                                                       "loss"};

/// The names in one form of chat rows.
struct ListForm {
  const char *list, *role, *content;
  std::vector<std::pair<const char*, ChatRole>> roles;

  /// Whether the form reads a message's field.
  bool reads(std::string_view field) const {
    return field == role || field == content ||
           std::find(kSwitches.begin(), kSwitches.end(), field) != kSwitches.end();
  }
};

const ListForm& list_form(const Json& row) {
  static const ListForm messages = {"messages",
                                    "role",
                                    "content",
                                    {{"system", ChatRole::kSystem},
                                     {"user", ChatRole::kUser},
                                     {"assistant", ChatRole::kAssistant}}};
  static const ListForm conversations = {"conversations",
                                         "from",
                                         "value",
                                         {{"system", ChatRole::kSystem},
                                          {"human", ChatRole::kUser},
                                          {"gpt", ChatRole::kAssistant},
                                          {"user", ChatRole::kUser},
                                          {"assistant", ChatRole::kAssistant}}};
  return row.contains("messages") ? messages : conversations;
}

ChatRole read_role(const Json& message, const ListForm& form, const std::string& path,
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
  throw input_error(
      path + "." + form.role + " is \"" + given + "\", expected one of " + known, where,
      given == "tool" ? "conversations with tools are not supported in this version" : "");
}

std::string read_content(const Json& message, const ListForm& form, const std::string& path,
                         UnreadFields& unread, const std::string& where) {
  if (!message.contains(form.content)) throw input_error(path + " has no " + form.content, where);
  const Json& content = message[form.content];
  const std::string name = path + "." + form.content;
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) {
    throw input_error(name + " is " + found_kind(content) + ", expected a text", where);
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
          where, "training uses text only");
    }
    text += part["text"].get_ref<const std::string&>();
    for (const auto& [key, value] : part.get_ref<const Json::object_t&>()) {
      if (key == "type" || key == "text" || value.is_null()) continue;
      unread.add(std::string(form.list) + "[]." + form.content + "[]." + key);
    }
  }
  return text;
}

/// Whether the message is marked as learned or as not learned; nothing if it is not marked.
std::optional<bool> read_switch(const Json& message, const std::string& path,
                                const std::string& where) {
  std::optional<bool> learned;
  for (const std::string_view name : kSwitches) {
    if (!message.contains(name) || message[name].is_null()) continue;
    const Json& value = message[name];
    const std::string text = scalar_text(value).value_or(json_excerpt(value));
    const bool is_on = text == "1" || text == "1.0" || text == "true";
    const bool is_off = text == "0" || text == "0.0" || text == "false";
    if (value.is_string() || (!is_on && !is_off)) {
      throw input_error(path + "." + std::string(name) + " is " +
                            (value.is_string() ? json_excerpt(value) : text) +
                            ", expected 0 or 1, or true or false",
                        where, "a message is learned or not, as a whole");
    }
    if (learned && *learned != is_on) {
      throw input_error(
          path + " has " + std::string(name) + " and another field that contradicts it", where);
    }
    learned = is_on;
  }
  return learned;
}

bool read_learned(const Json& message, ChatRole role, bool train_on_prompt, const std::string& path,
                  const std::string& where) {
  const std::optional<bool> learned = read_switch(message, path, where);
  if (role == ChatRole::kAssistant) return learned.value_or(true);
  if (learned && *learned != train_on_prompt) {
    throw input_error(path + " is marked as " + (*learned ? "learned" : "not learned") +
                          ", but is not the assistant's",
                      where,
                      *learned
                          ? "set data.train_on_prompt to learn all messages, or remove the field"
                          : "with data.train_on_prompt only answers can be excluded from training");
  }
  return train_on_prompt;
}

void add_system(std::string text, const ListForm& form, std::vector<ChatMessage>& messages,
                const std::string& where) {
  if (text.empty()) return;
  if (messages[0].role != ChatRole::kSystem) {
    messages.insert(messages.begin(), {ChatRole::kSystem, std::move(text)});
  } else if (messages[0].content != text) {
    throw input_error(
        std::string("the row's system text differs from the one that ") + form.list + " begin with",
        where, "keep the one that the model should read");
  }
}

/// Preference rows keep their last answers elsewhere.
void check_is_answered(const Json& row, const std::vector<ChatMessage>& messages,
                       const std::string& where) {
  if (messages.back().role == ChatRole::kAssistant) return;
  for (const char* name : {"chosen", "rejected"}) {
    if (!row.contains(name) || is_blank(row[name])) continue;
    throw input_error(
        "the conversation ends without an answer, and the row has " + std::string(name), where,
        "training learns answers, not preferences: put the chosen one into the messages");
  }
}

}  // namespace

std::vector<ChatMessage> read_messages(const Json& row, bool train_on_prompt, UnreadFields& unread,
                                       const std::string& where) {
  const ListForm& form = list_form(row);
  const Json& list = row[form.list];
  if (!list.is_array()) {
    throw input_error(std::string("the field \"") + form.list + "\" is " + found_kind(list) +
                          ", expected a list of messages",
                      where);
  }
  if (list.empty()) {
    throw input_error(std::string("the field \"") + form.list + "\" has no messages", where);
  }
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string path = std::string(form.list) + "." + std::to_string(i);
    const Json& message = list[i];
    if (!message.is_object()) {
      throw input_error(path + " is " + found_kind(message) + ", expected a message with " +
                            form.role + " and " + form.content,
                        where);
    }
    for (const auto& [key, value] : message.get_ref<const Json::object_t&>()) {
      if (form.reads(key) || value.is_null()) continue;
      if (!is_blank_of_refused(key, value, path, where))
        unread.add(std::string(form.list) + "[]." + key);
    }
    const ChatRole role = read_role(message, form, path, where);
    messages.push_back({role, read_content(message, form, path, unread, where),
                        read_learned(message, role, train_on_prompt, path, where)});
  }
  check_is_answered(row, messages, where);
  add_system(system_text(row, where), form, messages, where);
  return messages;
}

std::vector<std::size_t> later_beginnings(const std::vector<ChatMessage>& messages) {
  std::vector<std::size_t> begins;
  bool answered = false;
  std::size_t last_answered = 0;  // starts that a learned answer follows
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == ChatRole::kAssistant) {
      answered = true;
      if (messages[i].learned) last_answered = begins.size();
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
