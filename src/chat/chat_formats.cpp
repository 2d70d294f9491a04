// Sources: the models' published chat templates (tests/golden/chat/README.md).
#include "chat/chat_formats.h"

#include <algorithm>

namespace expandft {
namespace {

// <start_of_turn>user\n…<end_of_turn>\n, trimmed, alternating.
ChatFormat gemma(const char* name, SystemRule system) {
  ChatFormat format;
  format.name = name;
  format.start = "{bos}";
  format.user_before = "<start_of_turn>user\n";
  format.user_after = "<end_of_turn>\n";
  format.answer_before = "<start_of_turn>model\n";
  format.answer_end = "<end_of_turn>";
  format.answer_after = "\n";
  format.user_trim = format.answer_trim = true;
  format.system = system;
  format.system_after = "\n\n";
  format.alternates = true;
  return format;
}

ChatFormat llama2() {
  ChatFormat format;
  format.name = "llama2";
  format.user_before = "{bos}[INST] ";
  format.user_after = " [/INST]";
  format.answer_lead = format.answer_tail = " ";
  format.answer_end = "{eos}";
  format.user_trim = format.answer_trim = format.trims_joined = true;
  format.system = SystemRule::kFirstUser;
  format.system_before = "<<SYS>>\n";
  format.system_after = "\n<</SYS>>\n\n";
  format.alternates = true;
  return format;
}

ChatFormat llama3(const char* name) {
  ChatFormat format;
  format.name = name;
  format.start = "{bos}";
  format.user_before = "<|start_header_id|>user<|end_header_id|>\n\n";
  format.system_before = "<|start_header_id|>system<|end_header_id|>\n\n";
  format.user_after = format.system_after = "<|eot_id|>";
  format.answer_before = "<|start_header_id|>assistant<|end_header_id|>\n\n";
  format.answer_end = "<|eot_id|>";
  format.user_trim = format.answer_trim = format.system_trim = true;
  return format;
}

// 3.1, 3.2 and 3.3. The date is the templates' own default. 3.2's template writes today's date, if
// it can, but then the same data would have other ids tomorrow.
ChatFormat llama3_1() {
  ChatFormat format = llama3("llama3.1");
  format.first_system_lead = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
  format.default_system = "";
  return format;
}

ChatFormat mistral(const char* name, const char* before, const char* after, SystemRule system) {
  ChatFormat format;
  format.name = name;
  format.start = "{bos}";
  format.user_before = before;
  format.user_after = after;
  format.answer_end = "{eos}";
  format.system = system;
  format.system_after = "\n\n";
  format.alternates = true;
  return format;
}

ChatFormat mistral_with_lead(const char* name, const char* before, const char* after,
                             SystemRule system) {
  ChatFormat format = mistral(name, before, after, system);
  format.answer_lead = " ";
  return format;
}

ChatFormat chatml(const char* name) {
  ChatFormat format;
  format.name = name;
  format.user_before = "<|im_start|>user\n";
  format.system_before = "<|im_start|>system\n";
  format.user_after = format.system_after = "<|im_end|>\n";
  format.answer_before = "<|im_start|>assistant\n";
  format.answer_end = "<|im_end|>";
  format.answer_after = "\n";
  return format;
}

ChatFormat phi3(const char* name) {
  ChatFormat format;
  format.name = name;
  format.user_before = "<|user|>\n";
  format.system_before = "<|system|>\n";
  format.user_after = format.system_after = "<|end|>\n";
  format.answer_before = "<|assistant|>\n";
  format.answer_end = "<|end|>";
  format.answer_after = "\n";
  format.finish = "{eos}";
  return format;
}

ChatFormat zephyr() {
  ChatFormat format;
  format.name = "zephyr";
  format.user_before = "<|user|>\n";
  format.system_before = "<|system|>\n";
  format.user_after = format.system_after = "{eos}\n";
  format.answer_before = "<|assistant|>\n";
  format.answer_end = "{eos}";
  format.answer_after = "\n";
  return format;
}

std::vector<ChatFormat> make_formats() {
  std::vector<ChatFormat> formats = {
      gemma("gemma", SystemRule::kFirstUser),          // Gemma 3
      gemma("gemma-no-system", SystemRule::kRefused),  // Gemma 1 and 2
      llama2(),                                        //
      llama3("llama3"),                                //
      llama3_1(),                                      // also 3.2 and 3.3
      mistral_with_lead("mistral", " [INST] ", " [/INST]", SystemRule::kFirstUser),       // v1
      mistral_with_lead("mistral-v3", "[INST] ", "[/INST]", SystemRule::kLastUser),       //
      mistral_with_lead("mistral-v3-trim", "[INST] ", "[/INST]", SystemRule::kLastUser),  //
      mistral("mistral-nemo", "[INST]", "[/INST]", SystemRule::kLastUser),                //
      mistral("mistral-v0.1", "[INST] ", " [/INST]", SystemRule::kRefused),               //
      mistral("mistral-v0.2", "[INST] ", " [/INST]", SystemRule::kRefused),               //
      chatml("chatml"),
      chatml("qwen3"),
      zephyr(),
      phi3("phi3"),
      phi3("phi3.5"),
      phi3("phi3-first"),  // the first Phi-3 mini and medium
  };
  const auto change = [&](std::string_view name) -> ChatFormat& {
    return *std::find_if(formats.begin(), formats.end(),
                         [&](const ChatFormat& format) { return format.name == name; });
  };
  change("mistral-v3-trim").answer_trim = true;
  change("mistral-v0.1").answer_after = " ";
  change("qwen3").thinks = true;
  change("phi3.5").skips_empty_system = true;
  // The user's turn ends with the start of the answer; the published template loses system text.
  ChatFormat& first = change("phi3-first");
  first.user_after += first.answer_before;
  first.answer_before.clear();
  first.finish.clear();
  first.system = SystemRule::kRefused;
  return formats;
}

std::string with_tokens(std::string text, const std::string& bos, const std::string& eos) {
  for (const auto& [name, token] :
       {std::pair<std::string, std::string>("{bos}", bos), {"{eos}", eos}}) {
    const std::size_t at = text.find(name);
    if (at != text.npos) text.replace(at, name.size(), token);
  }
  return text;
}

}  // namespace

const std::vector<ChatFormat>& chat_formats() {
  static const std::vector<ChatFormat> formats = make_formats();
  return formats;
}

const ChatFormat* find_chat_format(std::string_view name) {
  for (const ChatFormat& format : chat_formats()) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

ChatFormat with_tokens(ChatFormat format, const std::string& bos, const std::string& eos) {
  for (std::string* text : {&format.start, &format.user_before, &format.user_after,
                            &format.system_after, &format.answer_end, &format.finish}) {
    *text = with_tokens(*text, bos, eos);
  }
  return format;
}

}  // namespace expandft
