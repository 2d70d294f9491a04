#include "byte_tokenizer.h"
#include "data/dataset.h"
#include "fuzz.h"

using namespace expandft;

namespace {

void read(const DatasetOptions& options, const Tokenizer& tokenizer) {
  fuzz::expect_input_error([&] {
    const Dataset dataset = load_dataset(options, tokenizer);
    std::int64_t tokens = 0;
    for (const Example example : dataset.examples) {
      const auto length = static_cast<std::int64_t>(example.tokens.size());
      if (length < 1 || length > options.max_length) std::abort();
      if (example.learned.size() != example.tokens.size()) std::abort();
      tokens += length;
    }
    if (tokens != dataset.report.tokens || tokens == 0) std::abort();
  });
}

}  // namespace

// A data file: JSON lines with and without a template, and plain text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const JsonTokenizer tokenizer = fuzz::byte_tokenizer();
  const std::string_view bytes = fuzz::as_text(data, size);
  DatasetOptions options{.path = folder.write("rows.jsonl", bytes), .max_length = 16};
  options.model = folder.path();
  options.chat_template = "zephyr";
  read(options, tokenizer);
  options.prompt = "{question}";
  options.completion = "{answer.0}";
  read(options, tokenizer);
  read({.path = folder.write("rows.txt", bytes), .max_length = 16, .piece_bytes = 64}, tokenizer);
  return 0;
}
