// The published templates are run: their texts are transformers' (tests/golden/chat), and the
// answers are where the formats of chat_formats.h have them.
#include "chat/conversation_template.h"

#include "base/error.h"
#include "base/expect_error.h"
#include "catch.h"
#include "chat/chat_formats.h"
#include "chat/chat_recognition.h"
#include "data/chat_rows.h"

using namespace expandft;

namespace {

const fs::path kGoldenChats = fs::path(EXPANDFT_TEST_DATA) / "golden" / "chat";

Json special_tokens_of(const Json& config) {
  Json tokens = Json::object();
  if (config["tokenizer_class"] == "GemmaTokenizer") {  // the class's own
    tokens = {{"bos_token", "<bos>"}, {"eos_token", "<eos>"}};
  }
  for (const char* name : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
    if (config.contains(name) && config[name].is_string()) tokens[name] = config[name];
  }
  return tokens;
}

const Json kTurns = Json::array({{{"role", "user"}, {"content", "q"}},
                                 {{"role", "assistant"}, {"content", "a"}},
                                 {{"role", "user"}, {"content", "r"}},
                                 {{"role", "assistant"}, {"content", "b"}}});

RenderedChat rendered(const std::string& text, const Json& messages, const std::string& end) {
  const ConversationTemplate conversation({text, "t.jinja"}, Json::object());
  return render_conversation(conversation, messages, std::vector<bool>(messages.size(), true), {},
                             end, "d:1");
}

}  // namespace

TEST_CASE("run templates give the goldens' texts and the formats' answers", "[chat][golden]") {
  const auto name = GENERATE(as<std::string>{}, "gemma", "gemma3", "llama2", "llama3", "llama3.1",
                             "llama3.2", "mistral-v0.1", "mistral-v0.2", "mistral-v1", "chatml",
                             "qwen2", "qwen2.5", "qwen3", "qwen3-2507", "qwen2.5-escapes",
                             "smollm2", "zephyr", "phi3", "phi3.5", "phi3-small");
  INFO("golden " << name);
  const Json conversations = read_json(kGoldenChats / "conversations.json");
  const Json golden = read_json(kGoldenChats / (name + ".json"));
  const std::string text =
      read_file(kGoldenChats / "templates" / (golden["template"].get<std::string>() + ".jinja"));
  const Json tokens = special_tokens_of(golden["tokenizer_config"]);
  const ChatTemplate source{text, name + ".jinja"};
  const ConversationTemplate conversation(source, tokens);
  const ChatFormat format =
      with_tokens(recognise_chat_template(source), tokens.value("bos_token", ""),
                  tokens.value("eos_token", ""));
  CHECK(text_after_answers(conversation).find(format.answer_end) != std::string::npos);
  std::size_t compared = 0;
  for (const auto& item : conversations.items()) {
    INFO("conversation " << item.key());
    const Json& row = golden["conversations"][item.key()];
    if (row.contains("refused")) {
      CHECK_THROWS_AS(conversation.render(item.value(), false, {}, "d:1"), Error);
      continue;
    }
    CHECK(conversation.render(item.value(), false, {}, "d:1").text ==
          row["text"].get<std::string>());
    if (row.contains("prompt")) {
      CHECK(conversation.prompt(item.value(), {}, "d:1") == row["prompt"].get<std::string>());
    }
    UnreadFields unread;
    const RenderedChat expected = render_chat(
        format, read_messages({{"messages", item.value()}}, false, unread, "d:1"), "d:1");
    std::optional<RenderedChat> chat;
    try {
      chat = render_conversation(conversation, item.value(),
                                 std::vector<bool>(item.value().size(), true), {},
                                 format.answer_end, "d:1");
    } catch (const Error& error) {
      INFO(error.what());
      CHECK(row["learned"].is_null());  // prefixes cannot tell there, either
      continue;
    }
    REQUIRE(chat->answers.size() == expected.answers.size());
    for (std::size_t i = 0; i < expected.answers.size(); ++i) {
      INFO("answer " << i);
      // The format's answer begins with what the prompt does not have.
      CHECK(chat->answers[i].begin == expected.answers[i].begin);
      CHECK(chat->answers[i].end == expected.answers[i].end);
    }
    ++compared;
  }
  CHECK(compared >= 14);
}

TEST_CASE("generation blocks say what is learned", "[chat]") {
  const RenderedChat chat = rendered(
      "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}"
      "{{ m.content }}!{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
      kTurns, "!");
  CHECK(chat.text == "<user>q<assistant>a!<user>r<assistant>b!");
  REQUIRE(chat.answers.size() == 2);
  CHECK(chat.text.substr(chat.answers[1].begin, 2) == "b!");
  CHECK(chat.answers[1].end == chat.text.size());
}

TEST_CASE("answers whose place cannot be told are refused", "[chat]") {
  // The prompt has a thought that the conversation has not.
  expect_input_error(
      [] {
        rendered(
            "{% for m in messages %}<{{ m.role }}>{{ m.content }}!{% endfor %}"
            "{% if add_generation_prompt %}<assistant><think>{% endif %}",
            kTurns, "!");
      },
      {"message 2", "cannot be told", "not how the conversation begins", "d:1"});
  expect_input_error([] { rendered("{{ raise_exception('no') }}", kTurns, "!"); },
                     {"the template refuses the conversation: no", "t.jinja:1:", "d:1"});
}

TEST_CASE("null fields are left out, and reasoning has all of its names", "[chat]") {
  const ConversationTemplate conversation(
      {"{{ messages | tojson }}{{ tools | tojson }}", "t.jinja"}, Json::object());
  const Json messages = Json::array({{{"role", "assistant"},
                                      {"content", nullptr},
                                      {"reasoning", "why"},
                                      {"tool_calls", nullptr}}});
  CHECK(
      conversation.render(messages, false, {}, "d:1").text ==
      R"([{"thinking": "why", "role": "assistant", "reasoning": "why", "reasoning_content": "why"}])"
      "null");
}

TEST_CASE("a template's switches are the row's", "[chat]") {
  const ConversationTemplate conversation(
      {"{{ strftime_now('%d %b %Y') if date is not defined else date }}{{ bos_token }}", "t.jinja"},
      {{"bos_token", "<s>"}});
  CHECK(conversation.render(Json::array(), false, {}, "d:1").text == "26 Jul 2024<s>");
  CHECK(conversation.render(Json::array(), false, {nullptr, {{"date", "today"}}}, "d:1").text ==
        "today<s>");
}
