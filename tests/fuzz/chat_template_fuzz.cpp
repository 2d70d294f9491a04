#include "chat/chat_recognition.h"
#include "chat/chat_template.h"
#include "fuzz.h"

using namespace expandft;

// The chat template of a model: in tokenizer_config.json, or in a file of its own. It is recognised
// or refused, and never run.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder with_config, with_template;
  with_config.write("tokenizer_config.json", fuzz::as_text(data, size));
  with_template.write("chat_template.jinja", fuzz::as_text(data, size));
  for (const fuzz::Folder* folder : {&with_config, &with_template}) {
    fuzz::expect_input_error([&] {
      if (const auto found = read_chat_template(folder->path())) recognise_chat_template(*found);
    });
  }
  return 0;
}
