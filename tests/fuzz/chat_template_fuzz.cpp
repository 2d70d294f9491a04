#include "fuzz.h"
#include "text/chat_template.h"

using namespace expandft;

// Files that say how a model's conversations are written: tokenizer_config.json with its template,
// or the template alone. It is recognised or refused, and never run.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const std::string_view bytes = fuzz::as_text(data, size);
  folder.write("tokenizer_config.json", bytes);
  fuzz::expect_input_error([&] {
    if (const auto found = read_chat_template(folder.path())) recognise_chat_template(*found);
  });
  fuzz::expect_input_error(
      [&] { recognise_chat_template({.text = std::string(bytes), .where = "fuzz"}); });
  return 0;
}
