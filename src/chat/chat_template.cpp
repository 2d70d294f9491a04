#include "chat/chat_template.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "jinja/values/source.h"

#include <algorithm>
#include <string_view>

namespace expandft {
namespace {

/// The source with LF for CR and CRLF, as Jinja reads it. A byte order mark is refused: Jinja would
/// write it into every conversation, which its author cannot have meant.
std::string template_text(std::string_view source, const std::string& where) {
  if (source.starts_with(kByteOrderMark)) {
    throw input_error(
        "the chat template begins with a byte order mark, which transformers writes "
        "into every conversation",
        where, "save it as UTF-8 without one");
  }
  return jinja::with_line_feeds(source);
}

std::vector<ChatTemplate> templates_in(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  const Json json = read_json(file);
  const std::string where = file.string() + ": chat_template";
  if (!json.is_object() || !json.contains("chat_template")) return {};
  const Json& value = json["chat_template"];
  if (value.is_null()) return {};
  if (value.is_string()) return {{template_text(value.get<std::string>(), where), where}};
  if (!value.is_array()) throw input_error("expected a text, or a list of templates", where);
  std::vector<ChatTemplate> templates;
  for (const Json& item : value) {
    if (!item.is_object() || !item.contains("name") || !item["name"].is_string() ||
        !item.contains("template") || !item["template"].is_string()) {
      throw input_error("expected templates with \"name\" and \"template\"", where);
    }
    const auto name = item["name"].get<std::string>();
    const std::string place = where + " (" + name + ")";
    templates.push_back({template_text(item["template"].get<std::string>(), place), place, name});
  }
  const auto found = std::ranges::find(templates, "default", &ChatTemplate::name);
  if (found == templates.end()) {
    throw input_error("the list of templates has none named \"default\"", where, kChatTemplateHint);
  }
  std::rotate(templates.begin(), found, found + 1);
  return templates;
}

/// additional_chat_templates/NAME.jinja, in the order of their names.
std::vector<ChatTemplate> additional_templates(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return {};
  std::vector<ChatTemplate> templates;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    templates.push_back(read_chat_template_file(entry.path()));
    templates.back().name = entry.path().stem().string();
  }
  std::ranges::sort(templates, {}, &ChatTemplate::name);
  return templates;
}

}  // namespace

ChatTemplate read_chat_template_file(const fs::path& file) {
  const std::string source = read_file(file);
  if (const std::size_t at = find_invalid_utf8(source); at != source.npos) {
    throw input_error("the chat template is not UTF-8, at byte " + std::to_string(at),
                      file.string(), "download the file again");
  }
  return {template_text(source, file.string()), file.string()};
}

std::vector<ChatTemplate> read_chat_templates(const fs::path& directory) {
  if (directory.empty()) return {};
  std::error_code ignored;
  const fs::path jinja = directory / "chat_template.jinja";
  if (fs::exists(jinja, ignored)) {
    std::vector<ChatTemplate> templates = {read_chat_template_file(jinja)};
    for (ChatTemplate& other : additional_templates(directory / kChatTemplateFolder)) {
      templates.push_back(std::move(other));
    }
    return templates;
  }
  std::vector<ChatTemplate> found = templates_in(directory / "tokenizer_config.json");
  return found.empty() ? templates_in(directory / "chat_template.json") : found;
}

}  // namespace expandft
