#include "data/rows/chat_rows.h"

#include "base/error.h"
#include "base/numbers.h"
#include "data/rows/row_fields.h"
#include "data/rows/tool_rows.h"

#include <algorithm>
#include <array>
#include <optional>

namespace expandft {
namespace {

/// The fields that exclude a message from training, by their names in various programs.
constexpr std::array<std::string_view, 5> kSwitches = {"weight", "train", "training", "trainable",
                                                       "loss"};

/// Names of the reasoning beside an answer.
constexpr std::array<std::string_view, 3> kReasoning = {"reasoning_content", "reasoning",
                                                        "thinking"};

/// The names in one form of chat rows.
struct ListForm {
  const char *list, *role, *content;
  std::vector<std::pair<const char*, const char*>> roles;  // and the role that templates know

  /// Whether the form reads a message's field, whoever wrote it.
  bool reads(std::string_view field) const {
    return field == role || field == content ||
           std::find(kSwitches.begin(), kSwitches.end(), field) != kSwitches.end();
  }
};

const ListForm& list_form(const Json& row) {
  static const ListForm messages = {"messages",
                                    "role",
                                    "content",
                                    {{"system", "system"},
                                     {"developer", "developer"},
                                     {"user", "user"},
                                     {"assistant", "assistant"},
                                     {"tool", "tool"},
                                     {"function", "tool"}}};
  static const ListForm conversations = {"conversations",
                                         "from",
                                         "value",
                                         {{"system", "system"},
                                          {"human", "user"},
                                          {"gpt", "assistant"},
                                          {"user", "user"},
                                          {"assistant", "assistant"},
                                          {"function_call", "assistant"},
                                          {"observation", "tool"},
                                          {"tool", "tool"}}};
  return row.contains("messages") ? messages : conversations;
}

struct Role {
  std::string given;
  std::string known;  // the name in chat templates
};

Role read_role(const Json& message, const ListForm& form, const std::string& path,
               const std::string& where) {
  std::string known;
  for (const auto& [name, role] : form.roles) {
    known += std::string(known.empty() ? "" : ", ") + name;
  }
  if (!message.contains(form.role) || !message[form.role].is_string()) {
    throw input_error(path + " has no " + form.role + ", expected one of " + known, where);
  }
  const auto given = message[form.role].get<std::string>();
  for (const auto& [name, role] : form.roles) {
    if (given == name) return {given, role};
  }
  throw input_error(path + "." + form.role + " is \"" + given + "\", expected one of " + known,
                    where);
}

std::string joined_parts(const Json& content, const ListForm& form, const std::string& name,
                         UnreadFields& unread, const std::string& where) {
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

/// A text, or null in an answer with tool calls.
Json read_content(const Json& message, const ListForm& form, bool calls_tools,
                  const std::string& path, UnreadFields& unread, const std::string& where) {
  const bool has_content = message.contains(form.content);
  if (calls_tools && (!has_content || message[form.content].is_null())) return nullptr;
  if (!has_content) throw input_error(path + " has no " + form.content, where);
  const Json& content = message[form.content];
  const std::string name = path + "." + form.content;
  if (content.is_string()) return content;
  if (!content.is_array()) {
    throw input_error(name + " is " + found_kind(content) + ", expected a text", where);
  }
  return joined_parts(content, form, name, unread, where);
}

/// The reasoning beside an answer, and the name it has; or "".
std::pair<std::string, std::string> read_reasoning(const Json& message, const std::string& path,
                                                   const std::string& where) {
  std::string reasoning;
  std::string_view from;
  for (const std::string_view name : kReasoning) {
    const auto found = message.find(name);
    if (found == message.end() || is_blank(*found)) continue;
    if (!found->is_string()) {
      throw input_error(
          path + "." + std::string(name) + " is " + found_kind(*found) + ", expected a text",
          where);
    }
    if (!from.empty() && *found != reasoning) {
      throw input_error(
          path + " has " + std::string(from) + " and " + std::string(name) + ", which differ",
          where, "keep one of them");
    }
    from = name;
    reasoning = found->get<std::string>();
  }
  return {std::string(from), reasoning};
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

bool read_learned(const Json& message, bool is_answer, bool train_on_prompt,
                  const std::string& path, const std::string& where) {
  const std::optional<bool> learned = read_switch(message, path, where);
  if (is_answer) return learned.value_or(true);
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

/// Fields of a message that only its role has.
bool reads_of_role(const std::string& role, std::string_view field) {
  if (role == "assistant") {
    return field == "tool_calls" || field == "function_call" ||
           std::find(kReasoning.begin(), kReasoning.end(), field) != kReasoning.end();
  }
  return role == "tool" && (field == "name" || field == "tool_call_id");
}

/// A message as templates read it.
Json read_message(const Json& message, const ListForm& form, const Role& role,
                  const std::string& path, UnreadFields& unread, const std::string& where) {
  for (const auto& [key, value] : message.get_ref<const Json::object_t&>()) {
    if (form.reads(key) || value.is_null() || reads_of_role(role.known, key)) continue;
    if (!is_blank_of_refused(key, value, path, where)) {
      unread.add(std::string(form.list) + "[]." + key);
    }
  }
  Json read = {{"role", role.known}};
  Json calls;
  if (role.given == "function_call") {
    calls = calls_in_text(message, form.content, path, where);
    read["content"] = "";
  } else {
    calls = role.known == "assistant" ? read_tool_calls(message, path, where) : Json();
    read["content"] = read_content(message, form, !calls.is_null(), path, unread, where);
  }
  if (role.known == "assistant") {
    const auto [name, reasoning] = read_reasoning(message, path, where);
    if (!reasoning.empty()) read[name] = reasoning;
    if (!calls.is_null()) read["tool_calls"] = std::move(calls);
  }
  if (role.known == "tool") {
    for (const char* const name : {"name", "tool_call_id"}) {
      if (message.contains(name) && !message[name].is_null()) read[name] = message[name];
    }
  }
  return read;
}

void add_system(std::string text, const ListForm& form, Conversation& conversation,
                const std::string& where) {
  if (text.empty()) return;
  Json& messages = conversation.messages;
  if (!has_role(messages[0], "system")) {
    const Json message = {{"role", "system"}, {"content", std::move(text)}};
    messages.insert(messages.begin(), message);
    conversation.learned.insert(conversation.learned.begin(), conversation.learned.front());
  } else if (messages[0]["content"] != text) {
    throw input_error(
        std::string("the row's system text differs from the one that ") + form.list + " begin with",
        where, "keep the one that the model should read");
  }
}

/// Preference rows keep their last answers elsewhere.
void check_is_answered(const Json& row, const Conversation& conversation,
                       const std::string& where) {
  if (has_role(conversation.messages.back(), "assistant")) return;
  for (const char* name : {"chosen", "rejected"}) {
    if (!row.contains(name) || is_blank(row[name])) continue;
    throw input_error(
        "the conversation ends without an answer, and the row has " + std::string(name), where,
        "training learns answers, not preferences: put the chosen one into the messages");
  }
}

}  // namespace

Conversation read_conversation(const Json& row, bool train_on_prompt, UnreadFields& unread,
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
  Conversation conversation;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string path = std::string(form.list) + "." + std::to_string(i);
    const Json& message = list[i];
    if (!message.is_object()) {
      throw input_error(path + " is " + found_kind(message) + ", expected a message with " +
                            form.role + " and " + form.content,
                        where);
    }
    const Role role = read_role(message, form, path, where);
    conversation.messages.push_back(read_message(message, form, role, path, unread, where));
    conversation.learned.push_back(
        read_learned(message, role.known == "assistant", train_on_prompt, path, where));
  }
  check_is_answered(row, conversation, where);
  add_system(system_text(row, where), form, conversation, where);
  conversation.context.tools = read_tools(row, where);
  conversation.context.kwargs = read_template_kwargs(row, where);
  return conversation;
}

std::vector<std::size_t> later_beginnings(const Conversation& conversation) {
  std::vector<std::size_t> begins;
  bool answered = false;
  std::size_t last_answered = 0;  // starts that a learned answer follows
  for (std::size_t i = 0; i < conversation.messages.size(); ++i) {
    const Json& message = conversation.messages[i];
    if (has_role(message, "assistant")) {
      answered = true;
      if (conversation.learned[i]) last_answered = begins.size();
    } else if (has_role(message, "user") && answered) {
      begins.push_back(i);
      answered = false;
    }
  }
  begins.resize(last_answered);
  return begins;
}

Conversation beginning_at(const Conversation& conversation, std::size_t begin) {
  Conversation kept{.context = conversation.context};
  for (std::size_t i = 0; i < conversation.messages.size(); ++i) {
    const Json& message = conversation.messages[i];
    if (i < begin && !is_system(message)) continue;
    kept.messages.push_back(message);
    kept.learned.push_back(conversation.learned[i]);
  }
  return kept;
}

}  // namespace expandft
