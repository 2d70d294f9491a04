#include "chat/chat_recognition.h"

#include "base/error.h"
#include "chat/chat_formats.h"

#include <algorithm>

namespace expandft {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// The template with one spelling where Jinja allows several: of quotes, newlines in texts, fields,
// and spaces around operators.
std::string normal_form(std::string text) {
  replace_all(text, "\"", "'");
  replace_all(text, "\\n", "\n");
  replace_all(text, "message.content", "message['content']");
  replace_all(text, "message.role", "message['role']");
  replace_all(text, "messages[0].role", "messages[0]['role']");
  replace_all(text, "messages[0].content", "messages[0]['content']");
  std::string normal;
  const auto is_operator = [](char c) { return c == '+' || c == '|'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') {
      const std::size_t next = text.find_first_not_of(' ', i);
      if (next != text.npos && is_operator(text[next])) continue;
      if (!normal.empty() && is_operator(normal.back())) continue;
    }
    normal += text[i];
  }
  return normal;
}

// Pieces, in normal form, that a template of the format has and lacks.
struct Signature {
  const char* format;
  std::vector<const char*> has;
  std::vector<const char*> lacks;
};

const std::vector<Signature>& signatures() {
  static const char* const llama3_turn =
      "'<|start_header_id|>'+message['role']+'<|end_header_id|>\n\n'+message['content']|trim+"
      "'<|eot_id|>'";
  static const char* const asks = "if add_generation_prompt %}";
  static const std::vector<Signature> all = {
      {"gemma-no-system",
       {"'<start_of_turn>'+role+'\n'+message['content']|trim+'<end_of_turn>\n'",
        "raise_exception('System role not supported')", "Conversation roles must alternate", asks},
       {}},
      {"gemma",
       {"first_user_prefix = messages[0]['content']+'\n\n'",
        "'<start_of_turn>'+role+'\n'+(first_user_prefix if loop.first else '')",
        "{{ message['content']|trim }}", "'<end_of_turn>\n'", "Conversation roles must alternate"},
       {}},
      {"llama2",
       {"bos_token+'[INST] '+content.strip()+' [/INST]'", "' '+content.strip()+' '+eos_token",
        "'<<SYS>>\n'+system_message+'\n<</SYS>>\n\n'+message['content']",
        "Conversation roles must alternate"},
       {"true == true"}},
      {"llama3", {llama3_turn, "bos_token+content", asks}, {"Cutting Knowledge Date"}},
      {"llama3.1",
       {llama3_turn, "'Cutting Knowledge Date: December 2023\n'",
        "'Today Date: '+date_string+'\n\n'", "date_string = '26 Jul 2024'",
        "messages[0]['content']|trim", asks},
       {}},
      {"mistral",
       {"' [INST] '+system_message+'\n\n'+message['content']+' [/INST]'",
        "' [INST] '+message['content']+' [/INST]'", "' '+message['content']+eos_token",
        "loop.first and system_message is defined"},
       {}},
      {"mistral-v3-trim",
       {"'[INST] '+system_message+'\n\n'+message['content']+'[/INST]'",
        "'[INST] '+message['content']+'[/INST]'", "' '+message['content']|trim+eos_token",
        "loop.last and system_message is defined"},
       {}},
      {"mistral-v3",
       {"'[INST] '+system_message+'\n\n'+message['content']+'[/INST]'",
        "'[INST] '+message['content']+'[/INST]'", "' '+message['content']+eos_token",
        "loop.last and system_message is defined"},
       {}},
      {"mistral-nemo",
       {"'[INST]'+system_message+'\n\n'+message['content']+'[/INST]'",
        "'[INST]'+message['content']+'[/INST]'", "{{- message['content']+eos_token",
        "loop.last and system_message is defined"},
       {}},
      {"mistral-v0.1",
       {"'[INST] '+message['content']+' [/INST]'", "message['content']+eos_token+' '",
        "'Only user and assistant roles are supported!'"},
       {}},
      {"mistral-v0.2",
       {"'[INST] '+message['content']+' [/INST]'", "{{ message['content']+eos_token}}",
        "'Only user and assistant roles are supported!'"},
       {}},
      {"qwen3",
       {"'<|im_start|>'+message['role']+'\n<think>\n'+reasoning_content.strip('\n')+"
        "'\n</think>\n\n'+content.lstrip('\n')",
        "'<|im_start|>'+message['role']+'\n'+content", "last_query_index",
        "loop.last or (not loop.last and reasoning_content)", ".split('</think>')[-1].lstrip('\n')",
        ".split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')"},
       {"|trim"}},
      {"chatml",
       {"'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>'+'\n'", asks},
       {"|trim", "strip(", "think"}},
      {"chatml",
       {"'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>\n'", asks},
       {"|trim", "strip(", "think"}},
      // Qwen 3, the 2507 instruct models.
      {"chatml",
       {"set content = message['content']",
        "'<|im_start|>'+message['role']+'\n'+content+'<|im_end|>'+'\n'",
        "'<|im_start|>'+message['role']+'\n'+content }}", asks},
       {"|trim", "strip(", "think"}},
      // A newline after "}}" is part of the output, and so required.
      {"zephyr",
       {"%}\n{{ '<|user|>\n'+message['content']+eos_token }}\n{%",
        "%}\n{{ '<|system|>\n'+message['content']+eos_token }}\n{%",
        "%}\n{{ '<|assistant|>\n'+message['content']+eos_token }}\n{% endif %}\n{%",
        "if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor "
        "%}"},
       {}},
      {"phi3",
       {"if message['role'] == 'system' %}", "'<|system|>\n'+message['content']+'<|end|>\n'",
        "'<|user|>\n'+message['content']+'<|end|>\n'",
        "'<|assistant|>\n'+message['content']+'<|end|>\n'", "else %}{{ eos_token }}"},
       {}},
      {"phi3.5",
       {"if message['role'] == 'system' and message['content'] %}",
        "'<|system|>\n'+message['content']+'<|end|>\n'",
        "'<|user|>\n'+message['content']+'<|end|>\n'",
        "'<|assistant|>\n'+message['content']+'<|end|>\n'", "else %}{{ eos_token }}"},
       {}},
      // Phi-3 small.
      {"phi3",
       {"'<|'+message['role']+'|>'+'\n'+message['content']+'<|end|>\n'", "else %}{{ eos_token }}"},
       {}},
      {"phi3-first",
       {"'<|user|>'+'\n'+message['content']+'<|end|>'+'\n'+'<|assistant|>'+'\n'",
        "message['content']+'<|end|>'+'\n'"},
       {"<|system|>"}},
  };
  return all;
}

// ChatML: the text of a system turn in the template itself, as in Qwen 2.5's.
std::optional<std::string> default_system_in(const std::string& normal, const std::string& where) {
  const std::string before = "<|im_start|>system\n", after = "<|im_end|>";
  for (std::size_t at = 0; (at = normal.find(before, at)) != normal.npos;) {
    const bool begins_text = at > 0 && normal[at - 1] == '\'';
    at += before.size();
    if (normal.compare(at, 1, "'") == 0) continue;  // continues with a message's content
    const std::size_t end = normal.find(after, at);
    bool plain = begins_text && end != normal.npos;
    std::string text;
    for (std::size_t i = at; plain && i < end; ++i) {
      const bool escaped = normal[i] == '\\';
      if (escaped) ++i;
      if (escaped ? normal[i] != '\\' && normal[i] != '\'' : normal[i] == '\'') plain = false;
      text += normal[i];
    }
    if (!plain) {
      throw input_error("cannot read the default system text from the chat template's code", where,
                        kChatFormatHint);
    }
    return text;
  }
  return std::nullopt;
}

// "<|im_start|>, [INST]": the first tokens in a template.
std::string tokens_in(const std::string& text) {
  constexpr std::size_t kShown = 4, kLongest = 40;
  std::vector<std::string> found;
  for (std::size_t i = 0; i < text.size() && found.size() < kShown; ++i) {
    if (text[i] != '<' && text[i] != '[') continue;
    const std::size_t end = text.find_first_of(text[i] == '<' ? " \n'\">" : " \n'\"]", i + 1);
    if (end == text.npos || end - i > kLongest || (text[end] != '>' && text[end] != ']')) continue;
    const std::string token = text.substr(i, end + 1 - i);
    const bool plain = text[i] == '[' && (token.size() < 5 || token[1] < 'A' || token[1] > 'Z');
    if (plain || std::find(found.begin(), found.end(), token) != found.end()) continue;
    found.push_back(token);
  }
  std::string list;
  for (const std::string& token : found) list += (list.empty() ? "" : ", ") + token;
  return list;
}

}  // namespace

ChatFormat recognise_chat_template(const ChatTemplate& chat_template) {
  const std::string normal = normal_form(chat_template.text);
  const auto stands = [&](const char* piece) { return normal.find(piece) != normal.npos; };
  for (const Signature& signature : signatures()) {
    if (!std::all_of(signature.has.begin(), signature.has.end(), stands)) continue;
    if (std::any_of(signature.lacks.begin(), signature.lacks.end(), stands)) continue;
    ChatFormat format = *find_chat_format(signature.format);
    if (format.name != "llama2") format.start = stands("bos_token") ? "{bos}" : "";
    if (format.name == "chatml") {
      format.default_system = default_system_in(normal, chat_template.where);
    }
    return format;
  }
  const std::string tokens = tokens_in(chat_template.text);
  throw input_error("the model's chat template is not a known one" +
                        (tokens.empty() ? std::string(": it names no tokens")
                                        : ": its first tokens are " + tokens),
                    chat_template.where, kChatFormatHint);
}

}  // namespace expandft
