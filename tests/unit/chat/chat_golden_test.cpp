// Texts, ids and learned tokens are those of transformers 5.24 (tests/golden/chat).
#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "chat/chat_encoding.h"
#include "chat/chat_template.h"
#include "data/chat_rows.h"

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
  const ChatFormat format = chat_format_of(directory.path(), "auto", *tokenizer);

  REQUIRE(conversations.size() >= 26);
  REQUIRE(golden["conversations"].size() == conversations.size());
  std::size_t compared = 0, with_marks = 0;
  for (const auto& item : conversations.items()) {
    INFO("conversation " << item.key());
    UnreadFields unread;
    const std::vector<ChatMessage> messages =
        read_messages({{"messages", item.value()}}, /*train_on_prompt=*/false, unread, "d:1");
    const Json& row = golden["conversations"][item.key()];
    if (row.contains("refused")) {
      INFO("refused: " << row["refused"]);
      CHECK_THROWS_AS(render_chat(format, messages, "d:1"), Error);
      continue;
    }
    const RenderedChat chat = render_chat(format, messages, "d:1");
    CHECK(chat.text == row["text"].get<std::string>());
    const Example example = encode_chat(chat, format, /*train_on_prompt=*/false, *tokenizer);
    CHECK(example.tokens == row["ids"].get<std::vector<TokenId>>());
    CHECK(example.tokens.size() == example.learned.size());
    if (row.contains("prompt")) {
      CHECK(render_prompt(format, messages, "d:1") == row["prompt"].get<std::string>());
    }
    ++compared;
    if (row["learned"].is_null()) continue;
    CHECK(example.learned == row["learned"].get<std::vector<std::uint8_t>>());
    ++with_marks;
  }
  CHECK(compared >= 15);
  CHECK(with_marks >= 15);
}
