// Where answers are found in a rendered conversation, and which tokens end them.
#include "chat/rendered_chat.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "chat/empty_reasoning.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

struct ChatTokenizer : TempDirectory {
  std::unique_ptr<const Tokenizer> tokenizer;
  ChatTokenizer() {
    fs::copy_file(fs::path(EXPANDFT_DATA) / "stories260K" / "tokenizer.model",
                  path() / "tokenizer.model");
    write("added_tokens.json",
          R"({"<|im_end|>": 512, "<|call|>": 513, "<|final|>": 514, "<|open|>": 515})");
    tokenizer = Tokenizer::load(path());
  }
};

const Tokenizer& chat_tokenizer() {
  static const ChatTokenizer made;
  return *made.tokenizer;
}

Json said(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

const Json kTwoAnswers = Json::array(
    {said("user", "q"), said("assistant", "a"), said("user", "r"), said("assistant", "b")});

Conversation conversation_of(const Json& messages) {
  Conversation conversation{.messages = messages};
  for (const Json& message : messages) {
    conversation.learned.push_back(has_role(message, "assistant"));
  }
  return conversation;
}

struct Found {
  std::string text;
  std::vector<std::string> answers = {}, before = {};
  std::vector<std::size_t> rewritten = {};
};

Found found(const std::string& source, const Json& messages, const AnswerRules& rules = {}) {
  const ConversationTemplate conversation({source, "t.jinja"}, Json::object());
  const RenderedChat chat =
      render_conversation(conversation, answer_end_of(conversation, chat_tokenizer()),
                          conversation_of(messages), rules, chat_tokenizer(), "d:1");
  Found all{.text = chat.text, .rewritten = chat.rewritten};
  for (const AnswerSpan& answer : chat.answers) {
    all.answers.push_back(chat.text.substr(answer.begin, answer.end - answer.begin));
    all.before.push_back(chat.text.substr(0, answer.begin));
  }
  return all;
}

using Texts = std::vector<std::string>;

const std::string kPrompt = "{% if add_generation_prompt %}<assistant>{% endif %}";
const std::string kPlain =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<|im_end|>\n{% endfor %}" + kPrompt;

}  // namespace

TEST_CASE("an answer follows its prompt and ends with the token of its turn", "[chat]") {
  const Found all = found(kPlain, kTwoAnswers);
  CHECK(all.text ==
        "<user>q<|im_end|>\n<assistant>a<|im_end|>\n<user>r<|im_end|>\n"
        "<assistant>b<|im_end|>\n");
  CHECK(all.answers == Texts{"a<|im_end|>", "b<|im_end|>"});
  CHECK(all.before[0] == "<user>q<|im_end|>\n<assistant>");
  // The answer's own text may have such tokens.
  CHECK(found(kPlain, Json::array({said("user", "q"), said("assistant", "a<|im_end|>\n<user>b"),
                                   said("user", "r"), said("assistant", "b")}))
            .answers[0] == "a<|im_end|>\n<user>b<|im_end|>");
  // One that nothing precedes.
  CHECK(found(kPlain,
              Json::array({said("assistant", "a"), said("user", "r"), said("assistant", "b")}))
            .answers == Texts{"a<|im_end|>", "b<|im_end|>"});
}

TEST_CASE("what a conversation ends with is not the answer's", "[chat]") {
  const ConversationTemplate finished({kPlain + "{% if not add_generation_prompt %}<|final|>"
                                                "{% endif %}",
                                       "t.jinja"},
                                      Json::object());
  const auto end = answer_end_of(finished, chat_tokenizer());
  REQUIRE(end);
  CHECK(end->token == "<|im_end|>");
  CHECK(end->finish == "\n<|final|>");
  const ConversationTemplate endless({"{% for m in messages %}{{ m.content }}\n{% endfor %}", "t"},
                                     Json::object());
  CHECK_FALSE(answer_end_of(endless, chat_tokenizer()));
  const ConversationTemplate silent({"{{ messages | length }}", "t"}, Json::object());
  expect_input_error([&] { answer_end_of(silent, chat_tokenizer()); },
                     {"does not write the assistant's content"});
}

TEST_CASE("generation blocks say what is learned", "[chat]") {
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}"
      "{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
      "{% endfor %}";
  const Found all = found(source, kTwoAnswers);
  CHECK(all.text == "<user>q<assistant>a<|im_end|><user>r<assistant>b<|im_end|>");
  CHECK(all.answers == Texts{"a<|im_end|>", "b<|im_end|>"});
  // Blocks around the content alone: the end of the turn is learned all the same.
  const Found alone = found(
      "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}"
      "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}<|im_end|>"
      "{% endfor %}",
      kTwoAnswers);
  CHECK(alone.answers == Texts{"a<|im_end|>", "b<|im_end|>"});
}

TEST_CASE("answers whose place cannot be told are refused", "[chat]") {
  expect_input_error(
      [] {
        found(
            "{% for m in messages %}<{{ m.role }}>{{ m.content }}<|im_end|>{% endfor %}"
            "{% if add_generation_prompt %}(assistant) {% endif %}",
            kTwoAnswers);
      },
      {"message 2", "cannot be told", "not how the conversation begins", "d:1"});
  expect_input_error(
      [] { found("{% for m in messages %}{{ m.content }}\n{% endfor %}", kTwoAnswers); },
      {"no special token", "message 2", "\"a\\n\"", "never learns to stop"});
}

TEST_CASE("an empty block of reasoning is context, unless it is to be learned", "[chat]") {
  // Like Qwen 3: the last answer has an empty block, earlier ones have none.
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>"
      "{% if loop.last and m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
      "{{ m.content }}<|im_end|>{% endfor %}" +
      kPrompt;
  const Found all = found(source, kTwoAnswers);
  CHECK(all.answers == Texts{"a<|im_end|>", "b<|im_end|>"});
  CHECK(all.before[1].ends_with("<assistant><think>\n\n</think>\n\n"));
  CHECK(all.rewritten.empty());
  const Found last = found(source, kTwoAnswers, {.learns_empty_reasoning = true});
  CHECK(last.answers == Texts{"<think>\n\n</think>\n\nb<|im_end|>"});
  CHECK(last.rewritten == std::vector<std::size_t>{1});
  // The prompt may have the block too, or open one.
  for (const std::string opened : {"<think>\n\n</think>\n\n", "<think>\n"}) {
    const std::string prompted =
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>" +
        opened + "{% endif %}";
    CHECK(found(prompted, kTwoAnswers).answers == Texts{"a<|im_end|>", "b<|im_end|>"});
  }
}

TEST_CASE("a block of reasoning that the prompt opens is closed before the answer", "[chat]") {
  // Like Qwen 3.5: earlier answers have no block.
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>"
      "{% if loop.last and m.role == 'assistant' %}<think>\n{{ m.reasoning_content }}"
      "\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>{% endfor %}"
      "{% if add_generation_prompt %}<assistant><think>\n{% endif %}";
  const Found all = found(source, kTwoAnswers);
  CHECK(all.answers == Texts{"a<|im_end|>", "b<|im_end|>"});
  CHECK(all.rewritten.empty());
  Json messages = kTwoAnswers;
  messages[3]["reasoning_content"] = "hm";
  CHECK(found(source, messages).answers[1] == "hm\n</think>\n\nb<|im_end|>");
}

TEST_CASE("an answer that later turns change is named", "[chat]") {
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>"
      "{% if loop.last and m.reasoning_content %}<think>{{ m.reasoning_content }}</think>"
      "{% endif %}{{ m.content }}<|im_end|>{% endfor %}" +
      kPrompt;
  Json messages = kTwoAnswers;
  messages[1]["reasoning_content"] = messages[3]["reasoning_content"] = "hm";
  const Found all = found(source, messages);
  CHECK(all.answers == Texts{"<think>hm</think>b<|im_end|>"});
  CHECK(all.rewritten == std::vector<std::size_t>{1});
  // The same in a template that marks answers.
  const std::string marked =
      "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}"
      "{% if loop.last and m.reasoning_content %}<think>{{ m.reasoning_content }}</think>"
      "{% endif %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
      "{% endfor %}";
  const Found generated = found(marked, messages);
  CHECK(generated.answers == Texts{"<think>hm</think>b<|im_end|>"});
  CHECK(generated.rewritten == std::vector<std::size_t>{1});
}

TEST_CASE("a prompt may go on with what an answer need not begin with", "[chat]") {
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>\n{{ m.content }}<|im_end|>{% endfor %}"
      "{% if add_generation_prompt %}<assistant>\n<|open|>thought\n<|final|>{% endif %}";
  const Found all = found(source, kTwoAnswers);
  CHECK(all.answers == Texts{"a<|im_end|>", "b<|im_end|>"});
  CHECK(all.before[1].ends_with("<assistant>\n"));
}

TEST_CASE("the token of the next turn may be what ends an answer", "[chat]") {
  const std::string source =
      "{% for m in messages %}{% if m.role == 'user' %}<|open|>{{ m.content }}{% else %}"
      "<|final|>{{ m.content }}{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<|final|>{% endif %}";
  const ConversationTemplate conversation({source, "t.jinja"}, Json::object());
  const auto end = answer_end_of(conversation, chat_tokenizer());
  REQUIRE(end);
  CHECK(end->begins_next_turn);
  const Found all = found(source, kTwoAnswers);
  CHECK(all.text == "<|open|>q<|final|>a<|open|>r<|final|>b<|open|>");
  CHECK(all.answers == Texts{"a<|open|>", "b<|open|>"});
}

TEST_CASE("a turn of tool calls may end with another token", "[chat]") {
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
      "{% for c in m.tool_calls %}{{ c.function.name }}{% endfor %}"
      "{{ '<|call|>' if m.tool_calls else '<|im_end|>' }}{% endfor %}" +
      kPrompt;
  Json messages = kTwoAnswers;
  messages[1]["tool_calls"] = Json::array({{{"function", {{"name", "f"}}}}});
  CHECK(found(source, messages).answers == Texts{"af<|call|>", "b<|im_end|>"});
  const ConversationTemplate conversation({source, "t.jinja"}, Json::object());
  CHECK(call_end_of(conversation, chat_tokenizer()) == "<|call|>");
  CHECK(call_end_of(ConversationTemplate({kPlain, "t"}, Json::object()), chat_tokenizer()).empty());
}

TEST_CASE("empty blocks of reasoning", "[chat]") {
  CHECK(leading_empty_reasoning("<think>\n\n</think>\n\nb") == 19);
  CHECK(leading_empty_reasoning("[THINK][/THINK]b") == 15);
  CHECK(leading_empty_reasoning("<think>x</think>b") == 0);
  CHECK(leading_empty_reasoning("") == 0);
  CHECK(leading_empty_reasoning("\n</think>\n\nb", "a<think>\n") == 11);
  CHECK(leading_empty_reasoning("\n</think>b", "a") == 0);
  CHECK(trailing_empty_reasoning("a<think>\n") == 8);
  CHECK(trailing_empty_reasoning("a<think>\n\n</think>\n\n") == 19);
  CHECK(trailing_empty_reasoning("a</think>") == 0);
  CHECK(ends_reasoning("a</seed:think>b"));
}
