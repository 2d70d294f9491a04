// Where chat templates are found: in a model's files, by the tokenizer's tokens, or by name.
#include "chat/chat_template.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "chat/model_chat.h"

#include <algorithm>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

const fs::path kGoldenFolder = fs::path(EXPANDFT_TEST_DATA) / "golden";

std::string published(const std::string& name) {
  return read_file(kGoldenFolder / "chat" / "templates" / (name + ".jinja"));
}

// A directory with Mistral's tokenizer and the given files.
struct TemplateModel : TempDirectory {
  explicit TemplateModel(const std::string& tokenizer = "mistral-v1") {
    fs::copy_file(kGoldenFolder / "tokenizers" / (tokenizer + ".model"),
                  path() / "tokenizer.model");
  }
  /// The text of a question and an answer, as the chosen template writes them.
  std::string text(const std::string& choice = "auto", const Json& tools = nullptr) const {
    const auto tokenizer = Tokenizer::load(path());
    const ModelChat chat(path(), choice, *tokenizer);
    Conversation conversation;
    conversation.context.tools = tools;
    conversation.messages = Json::array(
        {{{"role", "user"}, {"content", "q"}}, {{"role", "assistant"}, {"content", "a"}}});
    conversation.learned = {false, true};
    return chat.render(conversation, {}, "d:1").text;
  }
};

/// Writes the answers' content and "</s>" after a word.
std::string marked(const std::string& word) {
  return "{{ tools if tools else '' }}{% for m in messages %}{{ '" + word +
         " ' ~ m.content ~ eos_token }}{% endfor %}";
}

}  // namespace

TEST_CASE("a template in a malformed file is refused", "[chat]") {
  const auto refuse = [](const std::string& config, const std::vector<std::string>& parts) {
    const TemplateModel model;
    model.write("tokenizer_config.json", config);
    INFO(config);
    expect_input_error([&] { model.text(); }, parts);
  };
  refuse(R"({"chat_template": 3})", {"expected a text", "tokenizer_config.json: chat_template"});
  refuse(R"({"chat_template": []})", {"none named \"default\""});
  refuse(R"({"chat_template": [{"name": "rag", "template": "x"}]})", {"none named \"default\""});
  refuse(R"({"chat_template": ["x"]})", {"\"name\" and \"template\""});
  refuse(R"({"chat_template": [{"name": "default", "template": 1}]})", {"\"name\" and"});
  refuse(R"({"chat_template": [{"name": 1, "template": "x"}]})", {"\"name\" and"});
  refuse(R"({"chat_template": "{% if %}"})", {"tokenizer_config.json: chat_template:1:"});
  refuse(R"({"chat_template": null})",
         {"there is none", "chat_template.jinja", "data.chat_template"});
  refuse("{}", {"there is none"});
}

TEST_CASE("a template that is not UTF-8 is refused, and does not reach the message", "[chat]") {
  const TemplateModel model;
  model.write("chat_template.jinja", "{{ \"\xff\" }}");
  expect_input_error([&] { model.text(); }, {"not UTF-8, at byte 4", "chat_template.jinja"});
}

TEST_CASE("a model's templates are read in transformers' order", "[chat]") {
  const TemplateModel model;
  const auto names = [&] {
    std::string all;
    for (const ChatTemplate& one : read_chat_templates(model.path())) {
      all += one.name + "=" + one.text + " ";
    }
    return all;
  };
  CHECK(names().empty());
  CHECK(read_chat_templates("").empty());
  model.write("chat_template.json", R"({"chat_template": "old"})");
  CHECK(names() == "default=old ");
  model.write("tokenizer_config.json",
              R"({"chat_template": [{"name": "tool_use", "template": "t"},)"
              R"( {"name": "default", "template": "d"}]})");
  CHECK(names() == "default=d tool_use=t ");
  model.write("chat_template.jinja", "jinja");
  CHECK(names() == "default=jinja ");
  fs::create_directory(model.path() / "additional_chat_templates");
  model.write("additional_chat_templates/rag.jinja", "r");
  model.write("additional_chat_templates/a.jinja", "a");
  model.write("additional_chat_templates/notes.txt", "no template");
  CHECK(names() == "default=jinja a=a rag=r ");
}

TEST_CASE("line ends do not matter to a template", "[chat]") {
  const std::string text = published("zephyr");  // line ends are part of its output
  REQUIRE(text.find('\n') != text.npos);
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    std::string source;
    for (const char c : text) source += c == '\n' ? end : std::string(1, c);
    const TemplateModel model;
    const auto is_read = [&] {
      const auto found = read_chat_templates(model.path());
      REQUIRE(found.size() == 1);
      CHECK(found[0].text == text);
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
  expect_input_error([&] { model.text(); }, {"byte order mark", "tokenizer_config.json"});
  model.write("chat_template.jinja", source);
  expect_input_error([&] { model.text(); }, {"byte order mark", "chat_template.jinja"});
}

TEST_CASE("without a template the tokenizer's tokens decide", "[chat]") {
  CHECK(TemplateModel("gemma-test").text().find("<start_of_turn>model\na") != std::string::npos);
  const TemplateModel chatml;
  chatml.write("added_tokens.json", R"({"<|im_start|>": 32000, "<|im_end|>": 32001})");
  CHECK(chatml.text().starts_with("<|im_start|>user\nq"));
  const TemplateModel llama3;
  llama3.write("added_tokens.json", R"({"<|start_header_id|>": 32000, "<|eot_id|>": 32001})");
  CHECK(llama3.text().find("<|start_header_id|>user") != std::string::npos);
}

TEST_CASE("a template can be named: the model's, a built-in one or a file", "[chat]") {
  const TemplateModel model;
  model.write("chat_template.jinja", marked("own"));
  fs::create_directory(model.path() / "additional_chat_templates");
  model.write("additional_chat_templates/tool_use.jinja", marked("tools"));
  model.write("additional_chat_templates/rag.jinja", marked("rag"));
  CHECK(model.text() == "own q</s>own a</s>");
  CHECK(model.text("rag") == "rag q</s>rag a</s>");
  CHECK(model.text("mistral").starts_with("<s> [INST] q [/INST]"));
  CHECK(model.text(model.write("other.jinja", marked("file")).string()) == "file q</s>file a</s>");
  // Rows with tools have a template of their own, unless one is named.
  const Json tools = Json::array({{{"name", "f"}}});
  CHECK(model.text("auto", tools) == "[{'name': 'f'}]tools q</s>tools a</s>");
  CHECK(model.text("auto", Json::array()) == "own q</s>own a</s>");
  CHECK(model.text("rag", tools) == "[{'name': 'f'}]rag q</s>rag a</s>");

  expect_input_error([&] { model.text("chatmk"); },
                     {"no chat template \"chatmk\"", "did you mean \"chatml\"?"});
  expect_input_error([&] { model.text("chatml"); },
                     {"no special token", "message 2", "<|im_end|>", "data.chat_template"});
}
