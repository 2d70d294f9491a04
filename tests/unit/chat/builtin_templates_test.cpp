// The built-in templates write what the published ones write in transformers (tests/golden/chat).
#include "chat/builtin_templates.h"

#include "base/expect_error.h"
#include "catch.h"
#include "chat/conversation_template.h"

#include <algorithm>
#include <set>

using namespace expandft;

namespace {

const fs::path kGoldens = fs::path(EXPANDFT_TEST_DATA) / "golden" / "chat";
const Json kTokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};

Json message(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

const Json kTurns = Json::array({message("user", "Q1"), message("assistant", "A1"),
                                 message("user", "Q2"), message("assistant", "A2")});

ConversationTemplate built_in(const std::string& name, const Json& tokens = kTokens) {
  const BuiltinTemplate* const found = find_builtin_template(name);
  REQUIRE(found != nullptr);
  return {ChatTemplate{found->text, name}, tokens};
}

std::string text_of(const std::string& name, const Json& messages, bool generation_prompt = false,
                    const Json& kwargs = Json::object()) {
  return built_in(name).render(messages, generation_prompt, {nullptr, kwargs}, "d:1").text;
}

/// The text of each generation block.
std::vector<std::string> marked(const jinja::Rendering& rendering) {
  std::vector<std::string> texts;
  for (const auto& [begin, end] : rendering.generated) {
    texts.push_back(rendering.text.substr(begin, end - begin));
  }
  return texts;
}

std::vector<std::string> marked(const std::string& name, const Json& messages) {
  return marked(built_in(name).render(messages, false, {}, "d:1"));
}

void check_refused(const std::string& name, const Json& messages, const std::string& why) {
  INFO(name);
  expect_input_error([&] { text_of(name, messages); }, {why, "d:1"});
}

Json tokens_of(const Json& config) {
  if (config["tokenizer_class"] == "GemmaTokenizer") {  // the class's own
    return {{"bos_token", "<bos>"}, {"eos_token", "<eos>"}};
  }
  Json tokens = Json::object();
  for (const char* const name : {"bos_token", "eos_token"}) {
    if (config.contains(name) && config[name].is_string()) tokens[name] = config[name];
  }
  return tokens;
}

struct Published {
  const char *golden, *name;
  const char* default_system = nullptr;  // which the built-in template does not have
  bool begins_with_bos = false;          // which the built-in template does not
};

// mistral-v3, which does not trim answers, has no golden.
const std::vector<Published> kPublished = {
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
    {"qwen2", "chatml", "You are a helpful assistant."},
    {"qwen2.5", "chatml", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
    {"qwen2.5-escapes", "chatml",
     "Please reason step by step, and put your final answer within \\boxed{}. Don't guess.\n"
     "Be brief."},
    {"smollm2", "chatml", "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
    {"qwen3-2507", "chatml"},
    {"qwen3", "qwen3"},
    {"zephyr", "zephyr"},
    {"phi3", "phi3"},
    {"phi3-small", "phi3", nullptr, true},
    {"phi3.5", "phi3.5"},
    {"phi3-first", "phi3-first", nullptr, true},
    {"phi3-medium", "phi3-first"},
};

Json with_system(const Json& messages, const char* text) {
  if (text == nullptr || messages[0]["role"] == "system") return messages;
  Json all = Json::array({message("system", text)});
  for (const Json& one : messages) all.push_back(one);
  return all;
}

}  // namespace

TEST_CASE("built-in templates write what the published ones write", "[chat][golden]") {
  const Published published = GENERATE(from_range(kPublished));
  INFO("golden " << published.golden);
  const Json conversations = read_json(kGoldens / "conversations.json");
  const Json golden = read_json(kGoldens / (std::string(published.golden) + ".json"));
  const Json tokens = tokens_of(golden["tokenizer_config"]);
  const ConversationTemplate conversation = built_in(published.name, tokens);
  const std::string start = published.begins_with_bos ? tokens["bos_token"].get<std::string>() : "";
  REQUIRE(golden["conversations"].size() == conversations.size());
  std::size_t compared = 0;
  for (const auto& item : conversations.items()) {
    INFO("conversation " << item.key());
    const Json& row = golden["conversations"][item.key()];
    const Json messages = with_system(item.value(), published.default_system);
    if (row.contains("refused")) {
      CHECK_THROWS_AS(conversation.render(messages, false, {}, "d:1"), Error);
      continue;
    }
    const jinja::Rendering rendering = conversation.render(messages, false, {}, "d:1");
    CHECK(start + rendering.text == row["text"].get<std::string>());
    if (row.contains("prompt")) {
      CHECK(start + conversation.prompt(messages, {}, "d:1") == row["prompt"].get<std::string>());
    }
    const auto answers = std::count_if(messages.begin(), messages.end(),
                                       [](const Json& one) { return one["role"] == "assistant"; });
    CHECK(static_cast<std::ptrdiff_t>(rendering.generated.size()) == answers);
    CHECK_FALSE(rendering.has_hidden_generation);
    ++compared;
  }
  CHECK(compared >= 16);
}

TEST_CASE("every built-in template marks answers, with the token that ends them", "[chat]") {
  struct Answer {
    const char *name, *before, *after;  // what is around the content
  };
  const std::vector<Answer> answers = {
      {"gemma", "", "<end_of_turn>"}, {"gemma-no-system", "", "<end_of_turn>"},
      {"llama2", " ", " </s>"},       {"llama3", "", "<|eot_id|>"},
      {"llama3.1", "", "<|eot_id|>"}, {"mistral", " ", "</s>"},
      {"mistral-v3", " ", "</s>"},    {"mistral-v3-trim", " ", "</s>"},
      {"mistral-nemo", "", "</s>"},   {"mistral-v0.1", "", "</s>"},
      {"mistral-v0.2", "", "</s>"},   {"chatml", "", "<|im_end|>"},
      {"qwen3", "", "<|im_end|>"},    {"zephyr", "", "</s>"},
      {"phi3", "", "<|end|>"},        {"phi3.5", "", "<|end|>"},
      {"phi3-first", "", "<|end|>"},
  };
  CHECK(answers.size() == builtin_templates().size());
  for (const Answer& answer : answers) {
    INFO(answer.name);
    const jinja::Rendering whole = built_in(answer.name).render(kTurns, false, {}, "d:1");
    const std::vector<std::string> expected = {answer.before + std::string("A1") + answer.after,
                                               answer.before + std::string("A2") + answer.after};
    CHECK(marked(whole) == expected);
    // A prompt goes on where the answer's mark begins.
    const Json asked = Json::array({kTurns[0]});
    REQUIRE(whole.generated.size() == 2);
    CHECK(text_of(answer.name, asked, true) == whole.text.substr(0, whole.generated[0].begin));
  }
}

TEST_CASE("built-in templates have names of their own", "[chat]") {
  std::set<std::string> names;
  for (const BuiltinTemplate& known : builtin_templates()) {
    INFO(known.name);
    CHECK(names.insert(known.name).second);
    CHECK(find_builtin_template(known.name) == &known);
    // What is refused because a template does not mention it.
    CHECK(std::string(known.text).find("tools") == std::string::npos);
  }
  CHECK(find_builtin_template("chatmk") == nullptr);
  CHECK(find_builtin_template("") == nullptr);
}

TEST_CASE("built-in templates refuse what they have no place for", "[chat]") {
  Json no_text = message("assistant", "");
  no_text["content"] = nullptr;
  Json call = no_text;
  call["tool_calls"] = Json::array({{{"name", "f"}, {"arguments", Json::object()}}});
  const Json question = message("user", "Q");
  for (const BuiltinTemplate& known : builtin_templates()) {
    check_refused(known.name, Json::array({question, message("tool", "x")}),
                  "message 2 has the role tool, which this chat template does not write");
    check_refused(known.name, Json::array({question, no_text}),
                  "message 2 has no content that is a text");
    check_refused(known.name, Json::array({question, call}),
                  "message 2 has tool calls, which this chat template does not write");
  }
  for (const char* const name : {"gemma-no-system", "mistral-v0.1", "mistral-v0.2", "phi3-first"}) {
    check_refused(
        name, Json::array({message("system", "S"), question}),
        "message 1 is the system's, which this chat template does not allow: put its text at "
        "the start of the first user message");
  }
  for (const char* const name : {"gemma", "llama2", "mistral", "mistral-v3", "mistral-nemo"}) {
    check_refused(
        name, Json::array({question, message("user", "R")}),
        "message 2 is the user's, expected the assistant's: user and assistant alternate, the "
        "user first");
    check_refused(name, Json::array({question, message("assistant", "A"), message("system", "S")}),
                  "message 3 is the system's: only the first can be");
    check_refused(name, Json::array({message("system", "S")}),
                  "the system message needs a user message to be part of, and there is none");
  }
}

TEST_CASE("a developer's message is a system message", "[chat]") {
  for (const char* const name : {"gemma", "llama2", "llama3", "llama3.1", "mistral", "mistral-v3",
                                 "chatml", "qwen3", "zephyr", "phi3", "phi3.5"}) {
    INFO(name);
    const auto text = [&](const char* role) {
      return text_of(name, Json::array({message(role, "S"), kTurns[0], kTurns[1]}));
    };
    CHECK(text("developer") == text("system"));
    CHECK(text("system").find("S") != std::string::npos);
  }
}

TEST_CASE("mistral-v3 has the system text in the last question, and answers as they are",
          "[chat]") {
  Json messages = with_system(kTurns, "S");
  messages[2]["content"] = " A1\n";
  CHECK(text_of("mistral-v3", messages) ==
        "<s>[INST] Q1[/INST]  A1\n</s>[INST] S\n\nQ2[/INST] A2</s>");
  CHECK(text_of("mistral-v3-trim", messages) ==
        "<s>[INST] Q1[/INST] A1</s>[INST] S\n\nQ2[/INST] A2</s>");
}

TEST_CASE("llama3.1 writes the date that it is given", "[chat]") {
  CHECK(text_of("llama3.1", kTurns).find("Today Date: 26 Jul 2024\n") != std::string::npos);
  CHECK(text_of("llama3.1", kTurns, false, {{"date_string", "1 May 2025"}})
            .find("Today Date: 1 May 2025\n\n<|eot_id|>") != std::string::npos);
}

TEST_CASE("qwen3: reasoning is the model's, an empty block is context", "[chat]") {
  const std::string empty = "<think>\n\n</think>\n\n";
  const std::string start = "<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n";
  const Json asked = Json::array({kTurns[0]});
  const auto answered = [&](const std::string& content) {
    Json messages = asked;
    messages.push_back(message("assistant", content));
    return messages;
  };
  CHECK(text_of("qwen3", answered("A")) == start + empty + "A<|im_end|>\n");
  CHECK(marked("qwen3", answered("A")) == std::vector<std::string>{"A<|im_end|>"});
  CHECK(marked("qwen3", answered(empty + "A")) == std::vector<std::string>{"A<|im_end|>"});
  const std::vector<std::string> thought = {"<think>\nwhy\n</think>\n\nA<|im_end|>"};
  CHECK(marked("qwen3", answered("<think>why</think>A")) == thought);

  Json beside = answered("A");
  beside[1]["reasoning_content"] = "\nwhy\n";
  CHECK(marked("qwen3", beside) == thought);
  beside.push_back(kTurns[2]);  // no longer the last question's
  CHECK(marked("qwen3", beside) == std::vector<std::string>{"A<|im_end|>"});

  CHECK(text_of("qwen3", asked, true) == start);
  CHECK(text_of("qwen3", asked, true, {{"enable_thinking", true}}) == start);
  CHECK(text_of("qwen3", asked, true, {{"enable_thinking", false}}) == start + empty);
}
