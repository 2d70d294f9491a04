#include "data/dataset.h"
#include "fuzz.h"
#include "tokenizer/json_tokenizer.h"

using namespace expandft;

namespace {

/// One token for each byte.
JsonTokenizer byte_tokenizer() {
  Json vocabulary = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    vocabulary[name] = byte;
  }
  vocabulary["<unk>"] = 256;
  Json added = Json::array();
  for (const auto& [content, id] : {std::pair("<s>", 257), {"</s>", 258}}) {
    added.push_back({{"id", id},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json file = {
      {"added_tokens", added},
      {"decoder",
       {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"byte_fallback", true},
        {"vocab", vocabulary},
        {"merges", Json::array()}}}};
  return {file.dump(), "fuzz", {}};
}

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
  static const JsonTokenizer tokenizer = byte_tokenizer();
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
