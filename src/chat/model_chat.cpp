#include "chat/model_chat.h"

#include "base/error.h"
#include "base/wording.h"
#include "chat/builtin_templates.h"
#include "chat/lost_text.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

bool has_token(const Tokenizer& tokenizer, const std::string& text) {
  const std::vector<TokenId> ids = tokenizer.encode(text, {.continuation = true});
  return ids.size() == 1 && tokenizer.token(ids[0]) == text;
}

ChatTemplate built_in(const BuiltinTemplate& found) {
  return {found.text, std::string("built-in template ") + found.name, found.name};
}

ChatTemplate template_by_tokens(const fs::path& directory, const Tokenizer& tokenizer) {
  constexpr std::pair<const char*, const char*> kTokens[] = {
      {"<start_of_turn>", "gemma"}, {"<|im_start|>", "chatml"}, {"<|start_header_id|>", "llama3"}};
  for (const auto& [token, name] : kTokens) {
    if (has_token(tokenizer, token)) return built_in(*find_builtin_template(name));
  }
  throw input_error(
      "chat rows need the model's chat template, and there is none: no chat_template.jinja and no "
      "\"chat_template\" in tokenizer_config.json; and no tokens of a built-in template",
      directory.string(), kChatTemplateHint);
}

/// A template that is named, by name or as a file.
ChatTemplate named_template(const std::string& name, const std::vector<ChatTemplate>& own) {
  const auto found = std::ranges::find(own, name, &ChatTemplate::name);
  if (found != own.end()) return *found;
  if (const BuiltinTemplate* const known = find_builtin_template(name)) return built_in(*known);
  std::error_code ignored;
  if (fs::is_regular_file(name, ignored)) return read_chat_template_file(name);
  std::vector<std::string> names;
  for (const ChatTemplate& one : own) names.push_back(one.name);
  for (const BuiltinTemplate& known : builtin_templates()) names.emplace_back(known.name);
  const std::string near = nearest(name, names);
  throw input_error("there is no chat template \"" + name + "\", and no file of that name",
                    "chat template",
                    near.empty() ? "the built-in ones are listed in docs/configuration.md"
                                 : "did you mean \"" + near + "\"?");
}

/// The tokens by the names that templates know, as in transformers' special_tokens_map.
Json special_tokens_of(const fs::path& directory, const Tokenizer& tokenizer) {
  Json tokens = Json::object();
  const fs::path file = directory / "tokenizer_config.json";
  std::error_code ignored;
  if (!directory.empty() && fs::exists(file, ignored)) {
    const Json config = read_json(file);
    for (const auto& [name, value] : config.items()) {
      if (!name.ends_with("_token")) continue;
      if (value.is_string()) tokens[name] = value;
      if (value.is_object() && value.contains("content")) tokens[name] = value["content"];
    }
  }
  if (const auto bos = tokenizer.bos()) tokens["bos_token"] = tokenizer.token(*bos);
  if (const auto eos = tokenizer.eos()) tokens["eos_token"] = tokenizer.token(*eos);
  return tokens;
}

}  // namespace

ModelChat::Written ModelChat::written(const ChatTemplate& source, const Json& special_tokens,
                                      const Tokenizer& tokenizer) {
  ConversationTemplate conversation(source, special_tokens);
  std::optional<AnswerEnd> end;
  std::string call_end;
  try {
    end = answer_end_of(conversation, tokenizer);
    call_end = call_end_of(conversation, tokenizer);
  } catch (const Error&) {
    // Some templates refuse such a plain conversation, and many refuse calls. What ends an answer
    // then shows in each row.
  }
  return {std::move(conversation), std::move(end), std::move(call_end)};
}

ModelChat::ModelChat(const fs::path& directory, const std::string& choice,
                     const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), plain_([&]() -> Written {
        if (tokenizer.splits_special_tokens()) {
          throw input_error(
              "the tokenizer splits special tokens, so the turns of a chat have no end tokens",
              (directory / "tokenizer_config.json").string() + ": split_special_tokens",
              "set split_special_tokens to false");
        }
        const std::vector<ChatTemplate> own = read_chat_templates(directory);
        const Json tokens = special_tokens_of(directory, tokenizer);
        if (choice != "auto") return written(named_template(choice, own), tokens, tokenizer);
        if (own.empty())
          return written(template_by_tokens(directory, tokenizer), tokens, tokenizer);
        const auto tools = std::ranges::find(own, "tool_use", &ChatTemplate::name);
        if (tools != own.end()) with_tools_ = written(*tools, tokens, tokenizer);
        return written(own.front(), tokens, tokenizer);
      }()) {}

const ModelChat::Written& ModelChat::template_of(const Conversation& conversation) const {
  const Json& tools = conversation.context.tools;
  return with_tools_ && !tools.is_null() && !tools.empty() ? *with_tools_ : plain_;
}

RenderedChat ModelChat::render(const Conversation& conversation, const AnswerRules& rules,
                               const std::string& where) const {
  const Written& used = template_of(conversation);
  try {
    RenderedChat chat =
        render_conversation(used.conversation, used.end, conversation, rules, tokenizer_, where);
    check_nothing_is_lost(used.conversation, conversation, chat, where);
    return chat;
  } catch (const Error&) {
    // What a template leaves out may be why an answer's place cannot be told.
    check_nothing_is_lost(used.conversation, conversation, text(conversation, where), where);
    throw;
  }
}

std::string ModelChat::text(const Conversation& conversation, const std::string& where) const {
  const Written& used = template_of(conversation);
  return used.conversation.render(conversation.messages, false, conversation.context, where).text;
}

ChatPrompt ModelChat::prompt(const Conversation& conversation, const std::string& where) const {
  const Written& used = template_of(conversation);
  ChatPrompt prompt;
  prompt.text = used.conversation.prompt(conversation.messages, conversation.context, where);
  check_nothing_is_lost(used.conversation, conversation, prompt.text, where);
  prompt.ids = tokenizer_.encode(prompt.text);
  prompt.end_tokens = end_tokens();
  return prompt;
}

ChatPrompt ModelChat::prompt(const std::string& question, const std::string& where) const {
  Conversation conversation;
  conversation.messages.push_back({{"role", "user"}, {"content", question}});
  conversation.learned.push_back(false);
  return prompt(conversation, where);
}

std::vector<TokenId> ModelChat::end_tokens() const {
  std::vector<TokenId> ids;
  const auto add = [&](const Written& used) {
    for (const std::string& token : {used.end ? used.end->token : "", used.call_end}) {
      for (const TokenId id : tokenizer_.encode(token, {.continuation = true})) {
        if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
      }
    }
  };
  add(plain_);
  if (with_tools_) add(*with_tools_);
  return ids;
}

std::string ModelChat::end_text() const {
  return plain_.end ? plain_.end->token : "";
}

bool wants_chat(const fs::path& model, const std::string& prompt, const Tokenizer& tokenizer) {
  try {
    if (read_chat_templates(model).empty()) return false;
    const std::string end = ModelChat(model, "auto", tokenizer).end_text();
    return end.empty() || prompt.find(end) == prompt.npos;
  } catch (const Error&) {
    return false;  // only --chat needs the template, and reports what is wrong
  }
}

}  // namespace expandft
