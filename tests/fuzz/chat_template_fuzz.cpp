#include "byte_tokenizer.h"
#include "chat/model_chat.h"
#include "fuzz.h"

using namespace expandft;

// The chat template of a model: in tokenizer_config.json, or in a file of its own. It is run on a
// conversation, and its answers are found.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder with_config, with_template;
  static const JsonTokenizer tokenizer = fuzz::byte_tokenizer();
  with_config.write("tokenizer_config.json", fuzz::as_text(data, size));
  with_template.write("chat_template.jinja", fuzz::as_text(data, size));
  Conversation conversation;
  conversation.messages = Json::array(
      {{{"role", "user"}, {"content", "q"}}, {{"role", "assistant"}, {"content", "a"}}});
  conversation.learned = {false, true};
  for (const fuzz::Folder* folder : {&with_config, &with_template}) {
    fuzz::expect_input_error([&] {
      const ModelChat chat(folder->path(), "auto", tokenizer);
      const RenderedChat rendered = chat.render(conversation, {}, "fuzz");
      for (const AnswerSpan& answer : rendered.answers) {
        if (answer.begin > answer.end || answer.end > rendered.text.size()) std::abort();
      }
    });
  }
  return 0;
}
