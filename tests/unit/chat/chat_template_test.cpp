#include "chat/chat_template.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "chat/chat_formats.h"
#include "chat/chat_recognition.h"
#include "config/run_config.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

const fs::path kTemplates = fs::path(EXPANDFT_TEST_DATA) / "golden" / "chat" / "templates";

std::string published(const std::string& name) {
  return read_file(kTemplates / (name + ".jinja"));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != text.npos);
  return text.replace(at, from.size(), to);
}

ChatFormat recognised(const std::string& text) {
  return recognise_chat_template({text, "t.jinja"});
}

// A directory with Mistral's tokenizer and the given files.
struct TemplateModel : TempDirectory {
  explicit TemplateModel(const std::string& tokenizer = "mistral-v1") {
    fs::copy_file(kTemplates.parent_path().parent_path() / "tokenizers" / (tokenizer + ".model"),
                  path() / "tokenizer.model");
  }
  ChatFormat format(const std::string& name = "auto") const {
    return chat_format_of(path(), name, *Tokenizer::load(path()));
  }
};

}  // namespace

TEST_CASE("every published template is recognised", "[chat]") {
  const std::vector<std::pair<const char*, const char*>> expected = {
      {"gemma", "gemma-no-system"},
      {"gemma3", "gemma"},
      {"llama2", "llama2"},
      {"llama3", "llama3"},
      {"llama3.1", "llama3.1"},
      {"llama3.2", "llama3.1"},
      {"mistral-v0.1", "mistral-v0.1"},
      {"mistral-v0.2", "mistral-v0.2"},
      {"mistral-v1", "mistral"},
      {"mistral-v3", "mistral-v3-trim"},
      {"mistral-nemo", "mistral-nemo"},
      {"chatml", "chatml"},
      {"qwen2", "chatml"},
      {"qwen2.5", "chatml"},
      {"qwen2.5-escapes", "chatml"},
      {"smollm2", "chatml"},
      {"zephyr", "zephyr"},
      {"qwen3", "qwen3"},
      {"qwen3-2507", "chatml"},
      {"phi3", "phi3"},
      {"phi3-small", "phi3"},
      {"phi3.5", "phi3.5"},
      {"phi3-first", "phi3-first"},
      {"phi3-medium", "phi3-first"},
  };
  for (const auto& [name, format] : expected) {
    INFO(name);
    CHECK(recognised(published(name)).name == format);
  }
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(kTemplates)) {
    files += entry.path().extension() == ".jinja" ? 1 : 0;
  }
  CHECK(files == expected.size());
}

TEST_CASE("details of a template are read from it", "[chat]") {
  CHECK_FALSE(recognised(published("chatml")).default_system);
  CHECK_FALSE(recognised(published("qwen3-2507")).default_system);
  CHECK(recognised(published("qwen2")).default_system == "You are a helpful assistant.");
  CHECK(recognised(published("qwen2.5")).default_system ==
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.");
  CHECK(recognised(replaced(published("qwen2"), "You are a helpful assistant.", "Be brief"))
            .default_system == "Be brief");
  CHECK(recognised(published("phi3-first")).start == "{bos}");
  CHECK(recognised(published("phi3-medium")).start.empty());
  CHECK(recognised("{{ bos_token }}" + published("chatml")).start == "{bos}");
  CHECK_FALSE(recognised(published("mistral-v3")).name == "mistral-v3");
  CHECK(recognised(replaced(published("mistral-v3"), "message[\"content\"]|trim + eos_token",
                            "message[\"content\"] + eos_token"))
            .name == "mistral-v3");
}

TEST_CASE("an unknown template is refused", "[chat]") {
  const auto refuse = [](const std::string& text, const std::vector<std::string>& parts) {
    INFO(text);
    expect_input_error([&] { recognised(text); }, parts);
  };
  refuse("{% for m in messages %}<|foo|>{{ m }}[INST]<|foo|>{% endfor %}",
         {"is not a known one", "<|foo|>, [INST]", "t.jinja", "data.template", "data.chat_format"});
  refuse("", {"names no tokens"});
  // Known ones with a detail changed.
  refuse(replaced(published("gemma"), "message['content'] | trim", "message['content']"),
         {"<start_of_turn>"});
  refuse(replaced(published("chatml"), "message['content']", "message['content'] | trim"),
         {"<|im_start|>"});
  refuse(replaced(published("llama3"), "{% if add_generation_prompt %}", "{% if true %}"),
         {"<|start_header_id|>"});
  refuse(replaced(published("llama3.1"), "December 2023", "March 2031"), {"<|start_header_id|>"});
  refuse(replaced(published("phi3"), "{{ eos_token }}", ""), {"<|system|>"});
  refuse(replaced(published("qwen3"), "reasoning_content.strip('\\n')", "reasoning_content"),
         {"<tool_call>"});
  for (const std::string text : {"You\\x27re kind", "You ' + name", "\\\\nabla"}) {
    refuse(replaced(published("qwen2"), "You are a helpful assistant.", text),
           {"default system text"});
  }
  refuse(replaced(published("zephyr"), "eos_token }}\n{% elif", "eos_token }}{% elif"),
         {"<|user|>"});
}

TEST_CASE("a template in a malformed file is refused", "[chat]") {
  const auto refuse = [](const std::string& config, const std::vector<std::string>& parts) {
    const TemplateModel model;
    model.write("tokenizer_config.json", config);
    INFO(config);
    expect_input_error([&] { model.format(); }, parts);
  };
  refuse(R"({"chat_template": 3})", {"expected a text", "tokenizer_config.json: chat_template"});
  refuse(R"({"chat_template": []})", {"none named \"default\""});
  refuse(R"({"chat_template": [{"name": "rag", "template": "x"}]})", {"none named \"default\""});
  refuse(R"({"chat_template": ["x"]})", {"\"name\" and \"template\""});
  refuse(R"({"chat_template": [{"name": "default", "template": 1}]})", {"\"name\" and"});
  refuse(R"({"chat_template": "x"})", {"is not a known one", "tokenizer_config.json"});
  refuse(R"({"chat_template": null})",
         {"there is none", "chat_template.jinja", "data.chat_format"});
  refuse("{}", {"there is none"});
}

TEST_CASE("a template that is not UTF-8 is refused, and does not reach the message", "[chat]") {
  const TemplateModel model;
  model.write("chat_template.jinja", "{{ \"\xff\" }}");
  expect_input_error([&] { model.format(); }, {"not UTF-8, at byte 4", "chat_template.jinja"});
}

TEST_CASE("line ends do not matter to recognition", "[chat]") {
  const std::string text = published("zephyr");  // line ends are part of its output
  REQUIRE(text.find('\n') != text.npos);
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    std::string source;
    for (const char c : text) source += c == '\n' ? end : std::string(1, c);
    const TemplateModel model;
    const auto is_read = [&] {
      const auto found = read_chat_template(model.path());
      REQUIRE(found);
      CHECK(found->text == text);
      CHECK(recognise_chat_template(*found).name == "zephyr");
    };
    model.write("chat_template.json", Json{{"chat_template", source}}.dump());
    is_read();
    model.write("tokenizer_config.json", Json{{"chat_template", source}}.dump());
    is_read();
    const Json named = {{"name", "default"}, {"template", source}};
    model.write("tokenizer_config.json", Json{{"chat_template", Json::array({named})}}.dump());
    is_read();
    model.write("chat_template.jinja", source);
    is_read();
  }
}

TEST_CASE("a template with a byte order mark is refused", "[chat]") {
  const std::string source = "\uFEFF" + published("zephyr");
  const TemplateModel model;
  model.write("tokenizer_config.json", Json{{"chat_template", source}}.dump());
  expect_input_error([&] { model.format(); }, {"byte order mark", "tokenizer_config.json"});
  model.write("chat_template.jinja", source);
  expect_input_error([&] { model.format(); }, {"byte order mark", "chat_template.jinja"});
}

TEST_CASE("without a template the tokenizer's tokens decide the format", "[chat]") {
  CHECK(TemplateModel("gemma-test").format("auto").name == "gemma");
  const TemplateModel chatml;
  chatml.write("added_tokens.json", R"({"<|im_start|>": 32000, "<|im_end|>": 32001})");
  CHECK(chatml.format().name == "chatml");
  const TemplateModel llama3;
  llama3.write("added_tokens.json", R"({"<|start_header_id|>": 32000, "<|eot_id|>": 32001})");
  CHECK(llama3.format().name == "llama3");
}

TEST_CASE("a format can be named", "[chat]") {
  const TemplateModel model;
  model.write("tokenizer_config.json", R"({"chat_template": "not known"})");
  const ChatFormat format = model.format("mistral");
  CHECK(format.start == "<s>");
  CHECK(format.answer_end == "</s>");
  expect_input_error([&] { model.format("chatml"); },
                     {"chatml", "\"<|im_end|>\"", "not a token of the model's tokenizer"});
  expect_input_error([&] { model.format("chatmk"); },
                     {"no chat format \"chatmk\"", "did you mean \"chatml\"?"});
}

TEST_CASE("the config's choices are formats", "[chat]") {
  const Json schema = run_config_schema();
  const Json& choices = schema["properties"]["data"]["properties"]["chat_format"]["enum"];
  REQUIRE(choices.size() > 5);
  for (const Json& name : choices) {
    INFO(name);
    CHECK((name == "auto" || find_chat_format(name.get<std::string>()) != nullptr));
  }
}
