// What a template is given: transformers' normal form of messages, switches and tokens.
#include "chat/conversation_template.h"

#include "base/error.h"
#include "base/expect_error.h"
#include "catch.h"

using namespace expandft;

TEST_CASE("what a template refuses is an error of the row", "[chat]") {
  const ConversationTemplate conversation({"{{ raise_exception('no') }}", "t.jinja"},
                                          Json::object());
  expect_input_error([&] { conversation.render(Json::array(), false, {}, "d:1"); },
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
