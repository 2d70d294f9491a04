// Texts, ids and learned tokens are those of transformers 5.24 (tests/golden/chat). Where a
// template leaves out a message, the row is refused. Qwen 3's empty block of reasoning is context
// here.
#include "base/error.h"
#include "base/expect_error.h"
#include "base/python_text.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "chat/chat_encoding.h"
#include "chat/empty_reasoning.h"
#include "chat/model_chat.h"
#include "data/rows/chat_rows.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

const fs::path kChatGoldens = fs::path(EXPANDFT_TEST_DATA) / "golden" / "chat";

// A model directory with the golden's tokenizer, and its template in one of four places.
void fill(const TempDirectory& directory, const Json& golden, int place) {
  const auto model = golden["model"].get<std::string>();
  fs::copy_file(kChatGoldens.parent_path() / "tokenizers" / (model + ".model"),
                directory.path() / "tokenizer.model");
  const std::string text =
      read_file(kChatGoldens / "templates" / (golden["template"].get<std::string>() + ".jinja"));
  Json config = golden["tokenizer_config"];
  if (place == 0) config["chat_template"] = text;
  if (place == 1) {
    config["chat_template"] = Json::array(
        {{{"name", "tool_use"}, {"template", "other"}}, {{"name", "default"}, {"template", text}}});
  }
  if (place == 2) {
    config["chat_template"] = "other";  // chat_template.jinja comes first
    directory.write("chat_template.jinja", text);
  }
  if (place == 3) directory.write("chat_template.json", Json{{"chat_template", text}}.dump());
  directory.write("tokenizer_config.json", config.dump());
}

bool is_lost(const Conversation& conversation, const std::string& text) {
  for (const Json& message : conversation.messages) {
    const std::string content(python_strip(content_of(message)));
    if (!ends_reasoning(content) && text.find(content) == text.npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("conversations equal the transformers package's", "[chat][golden]") {
  const auto name = GENERATE(
      as<std::string>{}, "gemma", "gemma3", "llama2", "llama2-legacy", "llama3", "llama3.1",
      "llama3.2", "mistral-v0.1", "mistral-v0.2", "mistral-v1", "mistral-v1-legacy", "mistral-v3",
      "mistral-nemo", "chatml", "qwen2", "qwen2.5", "qwen3", "qwen3-2507", "qwen2.5-escapes",
      "smollm2", "zephyr", "phi3", "phi3.5", "phi3-small", "phi3-first", "phi3-medium");
  INFO("golden " << name);
  const Json conversations = read_json(kChatGoldens / "conversations.json");
  const Json golden = read_json(kChatGoldens / (name + ".json"));
  const TempDirectory directory;
  fill(directory, golden, static_cast<int>(name.size() % 4));
  const auto tokenizer = Tokenizer::load(directory.path());
  const ModelChat chat(directory.path(), "auto", *tokenizer);

  REQUIRE(conversations.size() >= 26);
  REQUIRE(golden["conversations"].size() == conversations.size());
  std::size_t compared = 0, with_marks = 0;
  for (const auto& item : conversations.items()) {
    INFO("conversation " << item.key());
    UnreadFields unread;
    const Conversation conversation =
        read_conversation({{"messages", item.value()}}, /*train_on_prompt=*/false, unread, "d:1");
    const Json& row = golden["conversations"][item.key()];
    if (row.contains("refused")) {
      INFO("refused: " << row["refused"]);
      // Nothing is lost of a blank system text.
      const bool is_blank = python_strip(content_of(conversation.messages[0])).empty();
      if (row["refused"] == "the template loses system text" && is_blank) continue;
      CHECK_THROWS_AS(chat.render(conversation, {}, "d:1"), Error);
      continue;
    }
    const std::string text = chat.text(conversation, "d:1");
    // The golden has the system text in the last question, as the built-in template.
    const bool is_moved = name == "mistral-v3" || name == "mistral-nemo";
    if (is_moved && has_role(conversation.messages[0], "system")) continue;
    ++compared;
    if (is_lost(conversation, text)) {
      expect_input_error([&] { chat.render(conversation, {}, "d:1"); }, {"leaves out the text"});
      continue;
    }
    CHECK(text == row["text"].get<std::string>());
    CHECK(tokenizer->encode(text) == row["ids"].get<std::vector<TokenId>>());
    if (row.contains("prompt")) {
      CHECK(chat.prompt(conversation, "d:1").text == row["prompt"].get<std::string>());
    }
    if (row["learned"].is_null()) continue;
    const RenderedChat rendered = chat.render(conversation, {}, "d:1");
    CHECK(rendered.text == text);
    const Example example = encode_chat(rendered, /*train_on_prompt=*/false, *tokenizer);
    CHECK(example.tokens == row["ids"].get<std::vector<TokenId>>());
    ++with_marks;
    const auto learned = row["learned"].get<std::vector<std::uint8_t>>();
    if (name != "qwen3") {
      CHECK(rendered.rewritten.empty());
      CHECK(example.learned == learned);
      continue;
    }
    // It alone writes earlier answers anew, without their reasoning, and an empty block of it.
    const AnswerRules all{.learns_empty_reasoning = true};
    const RenderedChat with_empty = chat.render(conversation, all, "d:1");
    if (with_empty.rewritten.empty()) {
      CHECK(encode_chat(with_empty, false, *tokenizer).learned == learned);
    }
    for (std::size_t i = 0; i < learned.size(); ++i) CHECK(example.learned[i] <= learned[i]);
  }
  CHECK(compared >= 15);
  CHECK(with_marks >= 11);
}
