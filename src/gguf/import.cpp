#include "gguf/import.h"

#include "base/error.h"
#include "checkpoint/model_directory.h"
#include "families/model_config.h"
#include "gguf/gguf_config.h"
#include "gguf/gguf_tensors.h"

#include <array>
#include <utility>

namespace expandft {
namespace {

constexpr std::uint64_t kMaxShardBytes = 5'000'000'000;  // as published checkpoints are sharded

std::string config_text(const Json& config) {
  return config.dump(2) + "\n";
}

void check_rows(const GgufFile& file, const Json& config) {
  const auto rows = config.at("vocab_size").get<std::int64_t>();
  const std::string key = "tokenizer.ggml.tokens";
  const GgufTexts* const tokens = file.texts(key);
  if (tokens != nullptr && std::ssize(*tokens) > rows) {
    throw file.error(key, "found " + std::to_string(tokens->size()) +
                              " tokens, but token_embd.weight has " + std::to_string(rows) +
                              " rows");
  }
}

}  // namespace

bool is_gguf_file(const fs::path& path) {
  if (!is_file(path)) return false;
  if (path.extension() == ".gguf") return true;
  std::array<char, 4> start{};
  return InputFile(path).read(start) == start.size() &&
         std::string_view(start.data(), start.size()) == "GGUF";
}

GgufImport GgufImport::open(const fs::path& path, Dtype dtype) {
  Notices notices;
  GgufFile file = GgufFile::open(path);
  Json config = gguf_model_config(file, std::string(config_name(dtype)), notices);
  check_rows(file, config);
  std::vector<TextFile> tokenizer =
      gguf_tokenizer_files(file, config.at("model_type").get<std::string>());
  std::vector<TensorSource> tensors = gguf_tensor_sources(file, config, dtype);
  return {std::move(file), std::move(config), std::move(tensors), std::move(tokenizer),
          std::move(notices)};
}

std::int64_t GgufImport::parameters() const {
  std::int64_t count = 0;
  for (const TensorSource& tensor : tensors) {
    count += static_cast<std::int64_t>(byte_size(tensor) / size_of(tensor.dtype));
  }
  return count;
}

std::uint64_t GgufImport::weight_bytes() const {
  std::uint64_t count = 0;
  for (const TensorSource& tensor : tensors) count += byte_size(tensor);
  return count;
}

std::uint64_t GgufImport::bytes() const {
  std::uint64_t count = weight_bytes() + config_text(config).size();
  for (const TextFile& text : tokenizer) count += text.bytes.size();
  return count;
}

void GgufImport::write(const fs::path& directory) const {
  write_sharded_safetensors(directory, tensors, kMaxShardBytes);
  for (const TextFile& text : tokenizer) write_companion(directory, text.name, text.bytes);
  write_file_atomically(directory / "config.json", config_text(config));
  write_import_notices(directory, notices);
}

void write_gguf_tokenizer(const GgufFile& file, const fs::path& directory) {
  const std::string type = gguf_model_type(file);
  for (const TextFile& text : gguf_tokenizer_files(file, type)) {
    write_companion(directory, text.name, text.bytes);
  }
  // A vocabulary alone may name any architecture: llama.cpp's test vocabularies do.
  if (file.tensors().empty()) return;
  write_file_atomically(directory / "config.json", Json({{"model_type", type}}).dump() + "\n");
}

}  // namespace expandft
