#include "gguf/gguf_chat_templates.h"

#include "base/json.h"
#include "chat/chat_template.h"

#include <algorithm>
#include <optional>
#include <set>

namespace expandft {
namespace {

constexpr const char* kToolUse = "tool_use";

void check_name(const GgufFile& file, const std::string& key, const std::string& name) {
  if (is_chat_template_name(name)) return;
  throw file.error(key,
                   "found a chat template named " + json_excerpt(Json(name)) +
                       ", expected another name than \"default\": at most 100 letters, digits, "
                       "\"_\" and \"-\"");
}

std::set<std::string> template_names(const GgufFile& file) {
  std::set<std::string> names;
  if (const GgufTexts* const listed = file.texts(kGgufChatTemplates)) {
    for (const std::string_view view : *listed) {
      const std::string name(view), key = gguf_chat_template_key(name);
      check_name(file, kGgufChatTemplates, name);
      if (!file.has(key)) {
        throw file.error(key, std::string("missing, but ") + kGgufChatTemplates + " names it");
      }
      names.insert(name);
    }
  }
  const std::string prefix = gguf_chat_template_key("");
  for (auto key = file.metadata().lower_bound(prefix);
       key != file.metadata().end() && key->first.starts_with(prefix); ++key) {
    const std::string name = key->first.substr(prefix.size());
    check_name(file, key->first, name);
    names.insert(name);
  }
  return names;
}

}  // namespace

std::string gguf_chat_template_key(std::string_view name) {
  return std::string(kGgufChatTemplate) + "." + std::string(name);
}

bool is_chat_template_name(std::string_view name) {
  constexpr std::size_t kLongest = 100;
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !name.empty() && name.size() <= kLongest && name != "default" &&
         name.find_first_not_of(kAllowed) == name.npos;
}

std::vector<TextFile> gguf_chat_template_files(const GgufFile& file) {
  const std::set<std::string> names = template_names(file);
  std::vector<TextFile> files;
  std::optional<std::string> main = file.text(kGgufChatTemplate);
  // Without a default, llama.cpp uses the template for tools (common_chat_templates_init), and so
  // does every reader of the import. If there is none either, no template is the default:
  // transformers then asks for a name.
  if (!main && names.contains(kToolUse)) main = file.text(gguf_chat_template_key(kToolUse));
  if (main) files.push_back({"chat_template.jinja", *main});
  for (const std::string& name : names) {
    files.push_back({std::string(kChatTemplateFolder) + "/" + name + ".jinja",
                     *file.text(gguf_chat_template_key(name))});
  }
  return files;
}

}  // namespace expandft
