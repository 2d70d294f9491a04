#include "chat/chat_template.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "base/wording.h"
#include "chat/chat_formats.h"
#include "chat/chat_recognition.h"

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
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else if (source.substr(i + 1, 1) != "\n") {
      text += '\n';
    }
  }
  return text;
}

std::optional<ChatTemplate> template_in(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
  const Json json = read_json(file);
  const std::string where = file.string() + ": chat_template";
  if (!json.is_object() || !json.contains("chat_template")) return std::nullopt;
  const Json& value = json["chat_template"];
  if (value.is_null()) return std::nullopt;
  const auto found = [&](const Json& text) {
    return ChatTemplate{template_text(text.get_ref<const std::string&>(), where), where};
  };
  if (value.is_string()) return found(value);
  if (!value.is_array()) throw input_error("expected a text, or a list of templates", where);
  for (const Json& item : value) {
    if (!item.is_object() || !item.contains("name") || !item.contains("template") ||
        !item["template"].is_string()) {
      throw input_error("expected templates with \"name\" and \"template\"", where);
    }
    if (item["name"] == "default") return found(item["template"]);
  }
  throw input_error("the list of templates has none named \"default\"", where, kChatFormatHint);
}

bool has_token(const Tokenizer& tokenizer, const std::string& text) {
  EncodeOptions options;
  options.continuation = true;
  const std::vector<TokenId> ids = tokenizer.encode(text, options);
  return ids.size() == 1 && tokenizer.token(ids[0]) == text;
}

ChatFormat format_by_tokens(const fs::path& directory, const Tokenizer& tokenizer) {
  constexpr std::pair<const char*, const char*> kTokens[] = {
      {"<start_of_turn>", "gemma"}, {"<|im_start|>", "chatml"}, {"<|start_header_id|>", "llama3"}};
  for (const auto& [token, name] : kTokens) {
    if (has_token(tokenizer, token)) return *find_chat_format(name);
  }
  throw input_error(
      "chat rows need the model's chat template, and there is none: no chat_template.jinja and no "
      "\"chat_template\" in tokenizer_config.json; and no tokens of a known format",
      directory.string(), kChatFormatHint);
}

}  // namespace

std::optional<ChatTemplate> read_chat_template(const fs::path& directory) {
  if (directory.empty()) return std::nullopt;
  std::error_code ignored;
  const fs::path jinja = directory / "chat_template.jinja";
  if (fs::exists(jinja, ignored)) {
    const std::string source = read_file(jinja);
    if (const std::size_t at = find_invalid_utf8(source); at != source.npos) {
      throw input_error("the chat template is not UTF-8, at byte " + std::to_string(at),
                        jinja.string(), "download the file again");
    }
    return ChatTemplate{template_text(source, jinja.string()), jinja.string()};
  }
  if (auto found = template_in(directory / "tokenizer_config.json")) return found;
  return template_in(directory / "chat_template.json");
}

ChatFormat chat_format_of(const fs::path& directory, const std::string& name,
                          const Tokenizer& tokenizer) {
  ChatFormat format;
  if (name != "auto") {
    const ChatFormat* const named = find_chat_format(name);
    if (named == nullptr) {
      std::vector<std::string> names;
      for (const ChatFormat& known : chat_formats()) names.push_back(known.name);
      const std::string near = nearest(name, names);
      throw input_error("there is no chat format \"" + name + "\"", "data.chat_format",
                        near.empty() ? "" : "did you mean \"" + near + "\"?");
    }
    format = *named;
  } else if (const auto chat_template = read_chat_template(directory)) {
    format = recognise_chat_template(*chat_template);
  } else {
    format = format_by_tokens(directory, tokenizer);
  }
  const auto text_of = [&](std::optional<TokenId> id) { return id ? tokenizer.token(*id) : ""; };
  format = with_tokens(std::move(format), text_of(tokenizer.bos()), text_of(tokenizer.eos()));
  if (tokenizer.splits_special_tokens()) {
    throw input_error(
        "the tokenizer splits special tokens, so the turns of a chat have no end tokens",
        (directory / "tokenizer_config.json").string() + ": split_special_tokens",
        "set split_special_tokens to false");
  }
  if (!has_token(tokenizer, format.answer_end)) {
    throw input_error("the chat format " + format.name + " ends a turn with \"" +
                          format.answer_end + "\", which is not a token of the model's tokenizer",
                      directory.string(), kChatFormatHint);
  }
  return format;
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
