#include "cli/chat_additions.h"

#include "base/error.h"
#include "base/files.h"
#include "data/rows/row_fields.h"
#include "data/rows/tool_rows.h"

#include <utility>

namespace expandft {
namespace {

Json read_tools_file(const std::string& file) {
  const Json json = parse_json(read_file(file), file, JsonNumbers::kAsWritten);
  if (json.is_array()) return read_tools(Json::object({{"tools", json}}), file);
  if (!json.is_object() || !(json.contains("tools") || json.contains("functions"))) {
    throw input_error("found JSON " + found_kind(json) +
                          ", expected a list of tools' JSON schemas, or {\"tools\": […]}",
                      file);
  }
  return read_tools(json, file);
}

Json read_kwargs(const std::string& text) {
  const char* const where = "--chat-template-kwargs";
  const Json kwargs = parse_json(text, where, JsonNumbers::kAsWritten);
  return read_template_kwargs(Json::object({{"chat_template_kwargs", kwargs}}), where);
}

void check_is_new(bool is_there, const std::string& what, const std::string& option,
                  const std::string& where) {
  if (!is_there) return;
  throw input_error("the conversation has " + what + ", and " + option + " gives more", where,
                    "leave out " + option + ", or remove what the conversation has");
}

}  // namespace

ChatAdditions::ChatAdditions(std::optional<std::string> system,
                             const std::optional<std::string>& tools,
                             const std::optional<std::string>& template_kwargs)
    : system_(std::move(system)) {
  if (tools) context_.tools = read_tools_file(*tools);
  if (template_kwargs) context_.kwargs = read_kwargs(*template_kwargs);
}

void ChatAdditions::add_to(Conversation& conversation, const std::string& where) const {
  if (system_) {
    check_is_new(has_role(conversation.messages[0], "system"), "a system text", "--system", where);
    const Json message = {{"role", "system"}, {"content", *system_}};
    conversation.messages.insert(conversation.messages.begin(), message);
    conversation.learned.insert(conversation.learned.begin(), false);
  }
  if (!context_.tools.is_null()) {
    check_is_new(!conversation.context.tools.is_null(), "tools", "--tools", where);
    conversation.context.tools = context_.tools;
  }
  if (!context_.kwargs.empty()) {
    check_is_new(!conversation.context.kwargs.empty(), "chat_template_kwargs",
                 "--chat-template-kwargs", where);
    conversation.context.kwargs = context_.kwargs;
  }
}

}  // namespace expandft
