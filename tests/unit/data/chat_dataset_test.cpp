// Conversations as training data: reading rows, what is learned, truncation and errors.
#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "data/dataset.h"
#include "data/rows/chat_rows.h"

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

using Ids = std::vector<TokenId>;

// A model directory with a tokenizer like Llama's, and a data file.
struct ChatData : TempDirectory {
  DatasetOptions options;
  std::unique_ptr<const Tokenizer> tokenizer;

  explicit ChatData(std::string_view rows, const std::string& chat_template = "chatml") {
    fs::copy_file(fs::path(EXPANDFT_DATA) / "stories260K" / "tokenizer.model",
                  path() / "tokenizer.model");
    write("added_tokens.json",
          R"({"<|im_start|>": 512, "<|im_end|>": 513, "<end_of_turn>": 514, "<|end|>": 515})");
    tokenizer = Tokenizer::load(path());
    options.path = write("d.jsonl", rows);
    options.model = path();
    options.chat_template = chat_template;
  }
  Dataset load() const { return load_dataset(options, *tokenizer); }
  std::string text(const Example& example, bool learned) const {
    Ids ids;
    for (std::size_t i = 0; i < example.tokens.size(); ++i) {
      if (!learned || example.learned[i] != 0) ids.push_back(example.tokens[i]);
    }
    return tokenizer->decode(ids, false);
  }
};

void refuse(const std::string& rows, const std::vector<std::string>& parts,
            const std::string& chat_template = "chatml") {
  const ChatData data(rows, chat_template);
  INFO(rows);
  expect_input_error([&] { data.load(); }, parts);
}

std::string message(const std::string& role, const std::string& content) {
  return R"({"role": ")" + role + R"(", "content": ")" + content + "\"}";
}

std::string row(const std::vector<std::string>& messages) {
  std::string list;
  for (const std::string& item : messages) list += (list.empty() ? "" : ", ") + item;
  return "{\"messages\": [" + list + "]}\n";
}

const std::string kTwoTurns =
    row({message("system", "Be kind"), message("user", "Who?"), message("assistant", "Tim"),
         message("user", "And now?"), message("assistant", "Tom and Sue")});

}  // namespace

TEST_CASE("a conversation learns its answers and the tokens that end them", "[dataset][chat]") {
  ChatData data(kTwoTurns);
  const Dataset dataset = data.load();
  REQUIRE(dataset.examples.size() == 1);
  const Example& example = dataset.examples[0];
  CHECK(data.text(example, false) ==
        "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n"
        "<|im_start|>assistant\nTim<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n"
        "<|im_start|>assistant\nTom and Sue<|im_end|>\n");
  CHECK(data.text(example, true) == "Tim<|im_end|>Tom and Sue<|im_end|>");
  CHECK(dataset.report.rows == 1);
  CHECK(dataset.report.truncated_rows == 0);

  data.options.train_on_prompt = true;
  const Example all = data.load().examples.at(0);
  CHECK(all.tokens == example.tokens);
  CHECK(std::count(all.learned.begin(), all.learned.end(), 1) ==
        static_cast<std::ptrdiff_t>(all.tokens.size()));
}

TEST_CASE("answers can be excluded from training", "[dataset][chat]") {
  const Example all = ChatData(kTwoTurns).load().examples.at(0);
  const auto with = [](const std::string& answer, const std::string& switched) {
    std::string rows = kTwoTurns;
    const std::string content = "\"" + answer + "\"";
    return rows.insert(rows.find(content) + content.size(), ", " + switched);
  };
  for (const std::string off :
       {R"("weight": 0)", R"("weight": 0.0)", R"("train": false)", R"("training": false)",
        R"("trainable": false)", R"("loss": false)", R"("weight": 0, "train": false)"}) {
    INFO(off);
    ChatData data(with("Tim", off));
    const Dataset dataset = data.load();
    CHECK(dataset.examples.at(0).tokens == all.tokens);
    CHECK(data.text(dataset.examples.at(0), true) == "Tom and Sue<|im_end|>");
    CHECK(dataset.notices.empty());
    data.options.train_on_prompt = true;
    const Example prompts = data.load().examples.at(0);
    CHECK(data.text(prompts, true).find("Tim") == std::string::npos);
    CHECK(data.text(prompts, true).find("Who?") != std::string::npos);
    CHECK(data.text(prompts, true).find("Tom and Sue") != std::string::npos);
  }
  for (const std::string on : {R"("weight": 1)", R"("weight": 1.0)", R"("train": true)",
                               R"("weight": null, "train_detail": null)"}) {
    INFO(on);
    CHECK(ChatData(with("Tim", on)).load().examples.at(0).learned == all.learned);
  }
  for (const std::string other : {"0.5", "2", "-1", "\"0\"", "[]"}) {
    refuse(with("Tim", "\"weight\": " + other), {"d.jsonl:1", "messages.2.weight is " + other});
  }
  refuse(with("Tim", R"("weight": 1, "train": false)"), {"messages.2", "train", "contradicts"});
  for (const std::string key : {"train_detail", "loss_scale", "refusal", "images"}) {
    refuse(with("Tim", "\"" + key + "\": [1]"), {"d.jsonl:1", "messages.2 has " + key});
  }
  // For a question the switch can only repeat the rule.
  CHECK(ChatData(with("Who?", R"("train": false)")).load().examples.at(0).learned == all.learned);
  refuse(with("Who?", R"("train": true)"),
         {"messages.1 is marked as learned", "data.train_on_prompt"});
  refuse(with("Be kind", R"("weight": 1)"), {"messages.0 is marked as learned"});
  ChatData data(with("Who?", R"("train": false)"));
  data.options.train_on_prompt = true;
  expect_input_error([&] { data.load(); }, {"messages.1 is marked as not learned", "only answers"});
}

TEST_CASE("a conversation without an answer to learn teaches nothing", "[dataset][chat]") {
  const std::string off =
      R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho", "weight": 0}]})";
  refuse(kTwoTurns + off, {"1 row with", "excluded from training", "line 2)"});
  // One that is too long keeps a learned answer.
  std::string rows = kTwoTurns;
  rows.insert(rows.find("\"Tom and Sue\"") + 13, R"(, "weight": 0)");
  ChatData data(rows);
  const auto whole = static_cast<std::int64_t>(data.load().examples.at(0).tokens.size());
  data.options.max_length = whole - 1;
  expect_input_error([&] { data.load(); }, {"1 row", "last learned exchange",
                                            "raise data.max_length to " + std::to_string(whole)});
}

TEST_CASE("a system text beside the messages comes first", "[dataset][chat]") {
  const Example expected = ChatData(row({message("system", "Be kind"), message("user", "Hi"),
                                         message("assistant", "Ho")}))
                               .load()
                               .examples.at(0);
  const std::string turns = message("user", "Hi") + ", " + message("assistant", "Ho");
  const std::string with_system = message("system", "Be kind") + ", " + turns;
  for (const std::string& same :
       {R"({"system": "Be kind", "messages": [)" + turns + "]}",
        R"({"system_prompt": "Be kind", "system": "", "messages": [)" + turns + "]}",
        R"({"system": "Be kind", "messages": [)" + with_system + "]}",
        std::string(R"({"system": "Be kind", "tools": "[]", "conversations": [)") +
            R"({"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]})"}) {
    INFO(same);
    const Dataset dataset = ChatData(same).load();
    CHECK(dataset.examples.at(0).tokens == expected.tokens);
    CHECK(dataset.examples.at(0).learned == expected.learned);
    CHECK(dataset.notices.empty());
    CHECK(dataset.report.conversations == 1);
  }
  refuse(R"({"system": "Be rude", "messages": [)" + with_system + "]}",
         {"d.jsonl:1", "system text differs", "messages"});
  refuse(R"({"system": ["x"], "messages": [)" + turns + "]}", {"\"system\" is of type array"});
}

TEST_CASE("other fields of conversations are counted", "[dataset][chat]") {
  const Dataset dataset =
      ChatData(
          R"({"id": 1, "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi",)"
          R"( "cache": 1}], "name": "Tim", "id": 7}, {"role": "assistant", "content": "Ho",)"
          R"( "id": 8, "tool_calls": []}], "chosen": "x"})")
          .load();
  REQUIRE(dataset.notices.size() == 1);
  CHECK(dataset.notices[0].what ==
        "nothing reads the fields messages[].id (2 times), id (once), chosen (once), "
        "messages[].name (once), messages[].content[].cache (once)");
  refuse(R"({"messages": [)" + message("user", "Hi") + R"(], "chosen": "x", "rejected": "y"})",
         {"ends without an answer", "chosen", "not preferences"});
}

TEST_CASE("BOS appears once, where the format writes it", "[dataset][chat]") {
  const ChatData data(row({message("user", "Hi"), message("assistant", "Ho")}), "gemma");
  const Example example = data.load().examples.at(0);
  CHECK(std::count(example.tokens.begin(), example.tokens.end(), 1) == 1);
  CHECK(example.tokens.front() == 1);
  CHECK(example.learned.front() == 0);
  CHECK(std::count(example.tokens.begin(), example.tokens.end(), 2) == 0);
  CHECK(data.text(example, true) == "Ho<end_of_turn>");
}

TEST_CASE("other forms of messages", "[dataset][chat]") {
  const Example expected =
      ChatData(row({message("user", "Hi there"), message("assistant", "Ho")})).load().examples[0];
  for (
      const std::string same :
      {R"({"conversations": [{"from": "human", "value": "Hi there"}, {"from": "gpt", "value": "Ho"}]})",
       R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi "},
            {"type": "text", "text": "there"}]}, {"role": "assistant", "content": "Ho"}]})",
       R"({"prompt": "x", "text": "y", "messages": [{"role": "user", "content": "Hi there"},
            {"role": "assistant", "content": "Ho", "tool_calls": [], "reasoning_content": ""}]})"}) {
    INFO(same);
    std::string line = same;
    std::replace(line.begin(), line.end(), '\n', ' ');
    const Example example = ChatData(line).load().examples.at(0);
    CHECK(example.tokens == expected.tokens);
    CHECK(example.learned == expected.learned);
  }
}

TEST_CASE("rows with prompt and completion, and templates, come before messages",
          "[dataset][chat]") {
  ChatData data(R"({"prompt": "a", "completion": "b", "messages": []})");
  CHECK(data.text(data.load().examples.at(0), false) == "<s> ab</s>");
  data.options.completion = "{messages.0.content}";
  data.write("d.jsonl", R"({"messages": [{"content": "x"}]})");
  CHECK(data.text(data.load().examples.at(0), true) == "x</s>");
}

TEST_CASE("a conversation that is too long loses its oldest exchanges", "[dataset][chat]") {
  ChatData data(kTwoTurns);
  const Example whole = data.load().examples.at(0);
  const Example last = ChatData(row({message("system", "Be kind"), message("user", "And now?"),
                                     message("assistant", "Tom and Sue")}))
                           .load()
                           .examples.at(0);
  data.options.max_length = static_cast<std::int64_t>(whole.tokens.size()) - 1;
  Dataset dataset = data.load();
  CHECK(dataset.report.truncated_rows == 1);
  CHECK(dataset.examples.at(0).tokens == last.tokens);
  CHECK(dataset.examples.at(0).learned == last.learned);

  data.options.max_length = static_cast<std::int64_t>(last.tokens.size());
  CHECK(data.load().examples.at(0).tokens == last.tokens);
  --data.options.max_length;
  const std::string needed = std::to_string(last.tokens.size());
  expect_input_error([&] { data.load(); },
                     {"1 row", "last learned exchange", "line 1;", "needs " + needed + " tokens",
                      "raise data.max_length to " + needed});
}

TEST_CASE("the parts of a conversation that can be kept", "[chat]") {
  const auto roles_left = [](const std::string& roles) {
    Conversation conversation;
    for (const char c : roles) {
      conversation.messages.push_back({{"role", c == 's'   ? "system"
                                                : c == 'u' ? "user"
                                                           : "assistant"},
                                       {"content", ""}});
      conversation.learned.push_back(c == 'a');
    }
    std::string all;
    for (const std::size_t begin : later_beginnings(conversation)) {
      if (!all.empty()) all += ' ';
      for (const Json& kept : beginning_at(conversation, begin).messages) {
        all += kept["role"].get<std::string>().at(0);
      }
    }
    return all;
  };
  CHECK(roles_left("suaua") == "sua");
  CHECK(roles_left("uauaua") == "uaua ua");
  CHECK(roles_left("ua") == "");
  CHECK(roles_left("uau") == "");
  CHECK(roles_left("uauau") == "uau");
  CHECK(roles_left("uaaua") == "ua");
  CHECK(roles_left("uauua") == "uua");
  CHECK(roles_left("aua") == "ua");
  CHECK(roles_left("uasua") == "sua");
  CHECK(roles_left("sus") == "");
}

TEST_CASE("a conversation of thousands of turns is cut quickly", "[dataset][chat]") {
  std::vector<std::string> turns;
  for (int i = 0; i < 3000; ++i) {
    turns.push_back(message("user", "Question " + std::to_string(i)));
    turns.push_back(message("assistant", "Answer " + std::to_string(i)));
  }
  ChatData data(row(turns));
  data.options.max_length = 256;
  const Dataset dataset = data.load();
  const Example& example = dataset.examples.at(0);
  CHECK(dataset.report.truncated_rows == 1);
  CHECK(example.tokens.size() <= 256);
  CHECK(example.tokens.size() > 180);
  const std::string learned = data.text(example, true);
  CHECK(learned.ends_with("Answer 2999<|im_end|>"));
}

TEST_CASE("conversations that cannot be read are refused with their place", "[dataset][chat]") {
  const std::string good = row({message("user", "a"), message("assistant", "b")});
  refuse(good + R"({"messages": "x"})", {"d.jsonl:2", "\"messages\" is of type string", "list"});
  refuse(R"({"messages": null})", {"d.jsonl:1", "\"messages\" is null"});
  refuse(R"({"messages": []})", {"d.jsonl:1", "no messages"});
  refuse(R"({"conversations": {}})", {"d.jsonl:1", "\"conversations\" is of type object"});
  refuse(R"({"messages": ["x"]})", {"d.jsonl:1", "messages.0 is of type string"});
  refuse(row({message("user", "a"), message("narrator", "b")}),
         {"d.jsonl:1", "messages.1.role is \"narrator\"",
          "system, developer, user, assistant, tool, function"});
  refuse(row({message("tool", "a"), message("assistant", "b")}),
         {"d.jsonl:1", "message 1", "tool", "built-in template chatml"});
  refuse(R"({"messages": [{"content": "a"}]})", {"d.jsonl:1", "messages.0 has no role"});
  refuse(R"({"messages": [{"role": 3, "content": "a"}]})", {"messages.0 has no role"});
  refuse(R"({"messages": [{"role": "user"}]})", {"d.jsonl:1", "messages.0 has no content"});
  refuse(R"({"messages": [{"role": "user", "content": null}]})", {"messages.0.content is null"});
  refuse(R"({"messages": [{"role": "user", "content": 3}]})", {"messages.0.content is of type"});
  refuse(R"({"messages": [{"role": "user", "content": [{"type": "image"}]}]})",
         {"d.jsonl:1", "messages.0.content", "\"image\"", "text only"});
  refuse(R"({"messages": [{"role": "user", "content": [{"type": "text"}]}]})",
         {"messages.0.content has a part without text"});
  refuse(R"({"messages": [{"role": "user", "content": ["x"]}]})", {"a part without text"});
  refuse(R"({"messages": [{"role": "assistant", "content": "", "tool_calls": [1]}]})",
         {"d.jsonl:1", "messages.0.tool_calls.0 has no name"});
  refuse(R"({"messages": [{"role": "user", "content": "", "reasoning_content": "x"}]})",
         {"messages.0 has reasoning_content", "only answers"});
  refuse(R"({"conversations": [{"from": "human"}]})", {"conversations.0 has no value"});
  refuse(good, {"no chat template \"gemmma\"", "chat template"}, "gemmma");
}

TEST_CASE("roles in an order that the format forbids are refused", "[dataset][chat]") {
  const std::string two =
      row({message("user", "a"), message("user", "b"), message("assistant", "c")});
  for (const std::string format : {"gemma", "llama2", "mistral", "mistral-v3"}) {
    INFO(format);
    refuse(two, {"d.jsonl:1", "message 2 is the user's", "expected the assistant's", format},
           format);
    refuse(row({message("assistant", "a")}), {"d.jsonl:1", "message 1 is the assistant's"}, format);
    refuse(row({message("user", "a"), message("assistant", "a"), message("system", "b")}),
           {"d.jsonl:1", "message 3 is the system's", "only the first"}, format);
  }
  refuse(row({message("system", "s"), message("user", "a"), message("assistant", "b")}),
         {"d.jsonl:1", "message 1 is the system's", "does not allow", "first user message"},
         "gemma-no-system");
  CHECK(ChatData(two, "chatml").load().examples.size() == 1);
}

namespace {

/// Writes tools, calls, results and reasoning, and drops the reasoning of earlier answers.
const char* const kThinkingTemplate =
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    "{{ m.content or '' }}"
    "{% for c in m.tool_calls %}<call>{{ c.function | tojson }}</call>{% endfor %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

struct ToolData : ChatData {
  explicit ToolData(std::string_view rows) : ChatData(rows, "auto") {
    write("chat_template.jinja", kThinkingTemplate);
  }
};

}  // namespace

TEST_CASE("tool calls and their results are written and learned", "[dataset][chat]") {
  const std::string expected_call = R"(<call>{"name": "add", "arguments": {"a": 1.5}}</call>)";
  const std::string tools = R"([{"type": "function", "function": {"name": "add"}}])";
  const std::string turns =
      R"({"role": "user", "content": "Add"}, {"role": "assistant", "content": null, "tool_calls":)";
  const std::string result =
      R"(}, {"role": "tool", "name": "add", "content": "2"}, {"role": "assistant", "content": "Two"}])";
  const std::string text = R"("[{\"name\": \"add\"}]")";
  for (
      const std::string& line :
      {R"({"tools": )" + tools + R"(, "messages": [)" + turns +
           R"([{"id": "x", "type": "function", "function": {"name": "add", "arguments": {"a": 1.5}}}])" +
           result + "}",
       R"({"functions": [{"name": "add"}], "messages": [)" + turns +
           R"([{"name": "add", "arguments": "{\"a\": 1.5}"}])" + result + "}",
       R"({"tools": )" + text + R"(, "conversations": [{"from": "human", "value": "Add"},)" +
           R"({"from": "function_call", "value": "{\"name\": \"add\", \"arguments\": {\"a\": 1.5}}"},)" +
           R"({"from": "observation", "value": "2"}, {"from": "gpt", "value": "Two"}]})"}) {
    INFO(line);
    const ToolData data(line);
    const Dataset dataset = data.load();
    REQUIRE(dataset.examples.size() == 1);
    CHECK(data.text(dataset.examples[0], false) ==
          "<|im_start|>tools\n" + std::string(tools) + "<|im_end|>\n<|im_start|>user\nAdd" +
              "<|im_end|>\n<|im_start|>assistant\n" + expected_call +
              "<|im_end|>\n<|im_start|>tool\n2<|im_end|>\n<|im_start|>assistant\nTwo<|im_end|>\n");
    CHECK(data.text(dataset.examples[0], true) == expected_call + "<|im_end|>Two<|im_end|>");
    CHECK(dataset.notices.empty());
  }
}

TEST_CASE("an answer whose reasoning later turns drop is learned as it was written",
          "[dataset][chat]") {
  const std::string rows =
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", )"
      R"("reasoning_content": "hm"}, {"role": "user", "content": "c"}, )"
      R"({"role": "assistant", "content": "d", "thinking": "so"}, )"
      R"({"role": "user", "content": "e"}, {"role": "assistant", "content": "f"}]})";
  ToolData data(rows);
  const Dataset dataset = data.load();
  REQUIRE(dataset.examples.size() == 3);
  CHECK(data.text(dataset.examples[0], true) == "f<|im_end|>");
  CHECK(data.text(dataset.examples[1], true) == "<think>so</think>d<|im_end|>");
  CHECK(data.text(dataset.examples[2], true) == "<think>hm</think>b<|im_end|>");
  CHECK(data.text(dataset.examples[2], false).ends_with("b<|im_end|>\n"));
  CHECK(dataset.report.rows == 1);
  CHECK(dataset.report.conversations == 1);
  CHECK(dataset.report.split_rows == 1);
  CHECK(dataset.report.examples == 3);
  // What precedes the answers is learned once.
  data.options.train_on_prompt = true;
  const Dataset prompts = data.load();
  CHECK(prompts.examples.size() == 3);
  CHECK(data.text(prompts.examples[1], true) == "<think>so</think>d<|im_end|>");
}

TEST_CASE("what a template would leave out is refused", "[dataset][chat]") {
  const std::string turns = message("user", "Hi") + ", " + message("assistant", "Ho");
  refuse(R"({"tools": [{"name": "f"}], "messages": [)" + turns + "]}",
         {"d.jsonl:1", "built-in template chatml", "no place for tools", "data.chat_template"});
  refuse(R"({"messages": [)" + message("user", "Hi") +
             R"(, {"role": "assistant", "content": "Ho", "reasoning_content": "hm"}]})",
         {"d.jsonl:1", "leaves out the reasoning of message 2", "remove the field"});
  refuse(R"({"messages": [)" + message("user", "Hi") +
             R"(, {"role": "assistant", "content": "Ho", "tool_calls": [{"name": "add"}]}]})",
         {"d.jsonl:1", "message 2 has tool calls", "built-in template chatml"});
  ChatData data(
      row({message("system", "Be kind"), message("user", "Hi"), message("assistant", "Ho")}),
      "auto");
  data.write("chat_template.jinja",
             "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }}<|im_end|>"
             "{% endif %}{% endfor %}");
  expect_input_error([&] { data.load(); }, {"d.jsonl:1", "leaves out the text of message 1",
                                            "chat_template.jinja", "user message"});
}

TEST_CASE("parts of rows with tools that cannot be read are refused", "[dataset][chat]") {
  const std::string turns = message("user", "Hi") + ", " + message("assistant", "Ho");
  const auto refuse_field = [&](const std::string& field, const std::vector<std::string>& parts) {
    refuse("{" + field + R"(, "messages": [)" + turns + "]}", parts);
  };
  refuse_field(R"("tools": {"name": "f"})", {"\"tools\" is of type object", "a list"});
  refuse_field(R"("tools": ["f"])", {"tools.0 is of type string", "JSON schema"});
  refuse_field(R"("tools": "[{]")", {"d.jsonl:1: tools"});
  refuse_field(R"("chat_template_kwargs": [1])", {"\"chat_template_kwargs\" is of type array"});
  refuse_field(R"("chat_template_kwargs": {"tools": []})", {"chat_template_kwargs has tools"});
  const auto refuse_calls = [&](const std::string& calls, const std::vector<std::string>& parts) {
    refuse(R"({"messages": [{"role": "assistant", "content": "", "tool_calls": )" + calls + "}]}",
           parts);
  };
  refuse_calls(R"({"name": "f"})", {"messages.0.tool_calls is of type object", "list of calls"});
  refuse_calls(R"([{"function": {}}])", {"messages.0.tool_calls.0 has no name"});
  refuse_calls(R"([{"name": "f", "arguments": [1]}])", {"arguments is of type array", "an object"});
  refuse_calls(R"([{"name": "f", "arguments": "{a"}])", {"messages.0.tool_calls.0.arguments"});
  refuse(R"({"conversations": [{"from": "function_call", "value": "call f"}]})",
         {"conversations.0.value"});
  refuse(
      R"({"messages": [{"role": "assistant", "content": "a", "reasoning": "b", "thinking": "c"}]})",
      {"messages.0 has reasoning and thinking, which differ"});
}

TEST_CASE("a row can set its template's switches", "[dataset][chat]") {
  ChatData data(R"({"chat_template_kwargs": {"style": "short"}, "messages": [)" +
                    message("user", "Hi") + ", " + message("assistant", "Ho") + "]}",
                "auto");
  data.write("chat_template.jinja",
             "{{ style }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}");
  CHECK(data.text(data.load().examples.at(0), false) == "shortHi<|im_end|>Ho<|im_end|>");
}

TEST_CASE("conversations without anything to learn are counted and named", "[dataset][chat]") {
  const std::string good = row({message("user", "a"), message("assistant", "b")});
  const std::string blank = row({message("user", "a"), message("assistant", " \\n")});
  const std::string unanswered = row({message("user", "a")});
  refuse(good + blank + unanswered,
         {"2 rows", "no answer, an empty one", "lines 2, 3)", "d.jsonl"});
  ChatData data(unanswered);
  data.options.train_on_prompt = true;
  CHECK(data.load().report.targets > 0);
}
