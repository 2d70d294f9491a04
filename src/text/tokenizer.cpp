#include "text/tokenizer.h"

#include "base/error.h"
#include "text/sentencepiece_tokenizer.h"

namespace expandft {

std::unique_ptr<const Tokenizer> Tokenizer::load(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    throw input_error("expected a model directory with a tokenizer in it", directory.string());
  }
  if (fs::exists(directory / "tokenizer.model", ignored)) {
    return std::make_unique<const SentencePieceTokenizer>(directory);
  }
  if (fs::exists(directory / "tokenizer.json", ignored)) {
    throw input_error(
        "found tokenizer.json and no tokenizer.model: only SentencePiece's "
        "tokenizer.model is read in this version",
        directory.string(),
        "where the publisher also offers tokenizer.model, put it into the directory");
  }
  throw input_error("there is no tokenizer.model", directory.string(),
                    "copy the model's tokenizer files into the directory");
}

void check_vocabulary(const Tokenizer& tokenizer, std::int64_t vocab_size,
                      const std::string& where) {
  if (tokenizer.size() <= vocab_size) return;
  throw input_error("the tokenizer has " + std::to_string(tokenizer.size()) +
                        " ids, but the model's vocabulary (vocab_size) has only " +
                        std::to_string(vocab_size),
                    where, "use the tokenizer that belongs to this model");
}

}  // namespace expandft
