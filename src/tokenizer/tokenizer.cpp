#include "tokenizer/tokenizer.h"

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/json_tokenizer.h"
#include "tokenizer/sentencepiece_tokenizer.h"

#include <utility>

namespace expandft {
namespace {

constexpr const char* kSaveHint =
    "write one with Python's transformers: "
    "AutoTokenizer.from_pretrained(directory).save_pretrained(directory)";

// Llama 3's original tokenizer.model is a tiktoken text file: a token and its rank per line ("IQ==
// 0").
bool is_tiktoken_file(std::string_view bytes) {
  constexpr const char* kBase64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  const std::size_t space = line.find(' ');
  if (space == 0 || space == line.npos || space + 1 == line.size()) return false;
  return line.find_first_not_of(kBase64) == space &&
         line.find_first_not_of("0123456789\r", space + 1) == line.npos;
}

// A SentencePiece model begins with its first piece: field 1, a message.
bool is_sentencepiece_model(std::string_view bytes) {
  return bytes.starts_with('\n');
}

// SentencePiece's other kind of model, which only its library supports.
bool is_unigram(const Json& tokenizer) {
  if (!tokenizer.is_object() || !tokenizer.contains("model")) return false;
  const Json& model = tokenizer.at("model");
  return model.is_object() && model.value("type", Json()) == Json("Unigram");
}

}  // namespace

std::unique_ptr<const Tokenizer> Tokenizer::load(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    throw input_error("expected a model directory with a tokenizer", directory.string());
  }
  const fs::path model = directory / "tokenizer.model";
  const bool has_model = fs::exists(model, ignored);
  const std::string bytes = has_model ? read_file(model) : std::string();
  if (fs::exists(directory / "tokenizer.json", ignored)) {
    JsonTokenizer::Files files = JsonTokenizer::read_files(directory);
    if (!is_unigram(files.content.json) || !is_sentencepiece_model(bytes)) {
      return std::make_unique<const JsonTokenizer>(std::move(files));
    }
  }
  if (has_model && is_tiktoken_file(bytes)) {
    throw input_error("tokenizer.model is a tiktoken file, and there is no tokenizer.json",
                      model.string(), kSaveHint);
  }
  if (has_model) return std::make_unique<const SentencePieceTokenizer>(directory);
  if (fs::exists(directory / "vocab.json", ignored)) {
    throw input_error("found vocab.json, but neither tokenizer.model nor tokenizer.json",
                      directory.string(), kSaveHint);
  }
  throw input_error("there is neither a tokenizer.model nor a tokenizer.json", directory.string(),
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
