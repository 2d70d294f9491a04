#pragma once

#include "base/json.h"
#include "base/temp_directory.h"
#include "tokenizer/tokenizer.h"

#include <memory>
#include <string>
#include <vector>

inline std::filesystem::path tokenizer_goldens() {
  return std::filesystem::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers";
}

/// Of tests/golden/tokenizers: SentencePiece models, then tokenizer.json.
inline const std::vector<std::string>& golden_tokenizer_names() {
  static const std::vector<std::string> names = {"stories260K",
                                                 "mistral-v1",
                                                 "mistral-v1-legacy",
                                                 "mistral-v1-no-prefix",
                                                 "mistral-v1-added",
                                                 "mistral-v1-added-files",
                                                 "mistral-v3",
                                                 "mistral-v3-legacy",
                                                 "gemma",
                                                 "gemma-added",
                                                 "json/llama3",
                                                 "json/qwen2",
                                                 "json/qwen3",
                                                 "json/gpt2",
                                                 "json/deepseek",
                                                 "json/phi3",
                                                 "json/gemma",
                                                 "json/metaspace-first",
                                                 "json/metaspace-always",
                                                 "json/metaspace-never",
                                                 "json/llama-class",
                                                 "json/llama-class-legacy",
                                                 "json/medley"};
  return names;
}

/// `files` replace its own files of the same names.
inline std::unique_ptr<const expandft::Tokenizer> golden_tokenizer(
    const std::string& name, const expandft::Json& files = expandft::Json::object()) {
  using namespace expandft;
  const Json golden = read_json(tokenizer_goldens() / (name + ".json"));
  const expandft::testing::TempDirectory directory;
  if (golden.contains("tokenizer")) {
    directory.write("tokenizer.json", golden["tokenizer"].dump());
  } else {
    const auto model = golden["model"].get<std::string>();
    const fs::path stories = fs::path(EXPANDFT_DATA) / "stories260K" / "tokenizer.model";
    fs::copy_file(model == "stories260K" ? stories : tokenizer_goldens() / (model + ".model"),
                  directory.path() / "tokenizer.model");
  }
  for (const auto& item : golden["files"].items()) directory.write(item.key(), item.value().dump());
  for (const auto& item : files.items()) directory.write(item.key(), item.value().dump());
  return Tokenizer::load(directory.path());
}

/// Difficult texts for tokenizers: added tokens, runs of white space, other scripts, marks.
inline std::vector<std::string> hard_texts() {
  std::vector<std::string> texts;
  for (const char* file : {"texts.json", "json/texts.json"}) {
    for (const expandft::Json& text : expandft::read_json(tokenizer_goldens() / file)) {
      texts.push_back(text.get<std::string>());
    }
  }
  return texts;
}
