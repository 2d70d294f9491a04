#include "gguf/gguf_tokenizer.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "gguf/gguf_bytes.h"
#include "gguf/gguf_chat_templates.h"
#include "gguf/import.h"
#include "tokenizer/tokenizer.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

using Type = GgufValueType;
using Ids = std::vector<TokenId>;

GgufFile opened(const TempDirectory& folder, const GgufBytes& bytes) {
  return GgufFile::open(folder.write("m.gguf", bytes.bytes()));
}
void check_tokenizer_refused(const GgufBytes& bytes, const std::vector<std::string>& parts) {
  const TempDirectory folder;
  const GgufFile file = opened(folder, bytes);
  expect_input_error([&] { gguf_tokenizer_files(file, "llama"); }, parts);
}

const std::vector<std::string> kPieces{"<unk>", "<s>", "</s>", "<0x21>", "▁",
                                       "a",     "b",   "▁a",   "ab",     "▁ab"};

/// SentencePiece's kind, with the scores and kinds of kPieces.
GgufBytes by_score(const std::vector<float>& scores = {0, 0, 0, 0, -9, -9, -9, -2, -1, -3},
                   const std::vector<std::int32_t>& kinds = {2, 3, 3, 6, 1, 1, 1, 1, 1, 1}) {
  return GgufBytes()
      .text("general.architecture", "llama")
      .text("tokenizer.ggml.model", "llama")
      .texts("tokenizer.ggml.tokens", kPieces)
      .numbers("tokenizer.ggml.scores", Type::kFloat32, scores)
      .numbers("tokenizer.ggml.token_type", Type::kInt32, kinds)
      .u32("tokenizer.ggml.bos_token_id", 1)
      .u32("tokenizer.ggml.eos_token_id", 2)
      .u32("tokenizer.ggml.unknown_token_id", 0);
}

GgufBytes byte_level(const std::string& splitting) {
  GgufBytes file;
  file.text("tokenizer.ggml.model", "gpt2")
      .texts("tokenizer.ggml.tokens", {"a", "b", "Ġ", "ab", "Ġab", "<|end|>"})
      .texts("tokenizer.ggml.merges", {"a b", "Ġ ab"})
      .numbers<std::int32_t>("tokenizer.ggml.token_type", Type::kInt32, {1, 1, 1, 1, 1, 3})
      .u32("tokenizer.ggml.eos_token_id", 5);
  if (!splitting.empty()) file.text("tokenizer.ggml.pre", splitting);
  return file;
}

std::unique_ptr<const Tokenizer> loaded(const GgufBytes& bytes) {
  const TempDirectory folder;
  write_gguf_tokenizer(opened(folder, bytes), folder.path());
  return Tokenizer::load(folder.path());
}

}  // namespace

TEST_CASE("A vocabulary with scores merges the pair of the highest score first", "[gguf]") {
  const auto tokenizer = loaded(by_score());
  CHECK(tokenizer->adds_bos());
  CHECK(tokenizer->encode("ab", {.special_tokens = false}) == Ids{9});
  CHECK(tokenizer->encode("a!", {.special_tokens = false}) == Ids{7, 3});
  CHECK(tokenizer->encode("ab</s>", {.bos = true}) == Ids{1, 9, 2});
  CHECK(tokenizer->decode({1, 9}) == "ab");
}

TEST_CASE("A vocabulary with merges is split by llama.cpp's rule", "[gguf]") {
  const auto tokenizer = loaded(byte_level("gpt-2"));
  CHECK_FALSE(tokenizer->adds_bos());
  CHECK(tokenizer->encode("ab ab<|end|>") == Ids{3, 4, 5});
  CHECK(tokenizer->eos() == 5);
  for (const char* const name : {"default", "llama-bpe", "smollm", "starcoder", "qwen2", "qwen35",
                                 "tekken", "falcon", "deepseek-llm", "deepseek-coder"}) {
    INFO(name);
    CHECK_FALSE(loaded(byte_level(name))->encode("ab ab").empty());
  }
}

TEST_CASE("The chat template, and every token that ends a turn, come along", "[gguf]") {
  const TempDirectory folder;
  const GgufFile file = opened(folder, byte_level("gpt-2")
                                           .text("tokenizer.chat_template", "{{ messages }}")
                                           .u32("tokenizer.ggml.eot_token_id", 4)
                                           .u32("tokenizer.ggml.eom_token_id", 5));
  std::map<std::string, std::string> files;
  for (const TextFile& text : gguf_tokenizer_files(file, "llama")) files[text.name] = text.bytes;
  CHECK(files.at("chat_template.jinja") == "{{ messages }}");
  CHECK(parse_json(files.at("generation_config.json"), "g").at("eos_token_id") == Json({5, 4}));
}

TEST_CASE("Every chat template becomes a file", "[gguf]") {
  const auto files_of = [](const GgufBytes& bytes) {
    const TempDirectory folder;
    std::map<std::string, std::string> files;
    for (const TextFile& text : gguf_chat_template_files(opened(folder, bytes))) {
      files[text.name] = text.bytes;
    }
    return files;
  };
  using Files = std::map<std::string, std::string>;
  const std::string key = "tokenizer.chat_template", folder = "additional_chat_templates/";
  CHECK(files_of(GgufBytes()).empty());
  CHECK(files_of(GgufBytes()
                     .text(key + ".rag", "R")
                     .text(key + ".tool_use", "T")
                     .texts(key + "s", {"tool_use", "rag"})
                     .text(key, "D")) == Files{{"chat_template.jinja", "D"},
                                               {folder + "rag.jinja", "R"},
                                               {folder + "tool_use.jinja", "T"}});
  // llama.cpp finds a template by its key, and takes that for tools where there is no default.
  CHECK(files_of(GgufBytes().text(key + ".tool_use", "T")) ==
        Files{{"chat_template.jinja", "T"}, {folder + "tool_use.jinja", "T"}});
  CHECK(files_of(GgufBytes().text(key + ".rag", "R").texts(key + "s", {"rag"})) ==
        Files{{folder + "rag.jinja", "R"}});
}

TEST_CASE("An import has the folder of chat templates", "[gguf]") {
  const TempDirectory folder;
  write_gguf_tokenizer(opened(folder, byte_level("gpt-2")
                                          .text("tokenizer.chat_template", "D")
                                          .text("tokenizer.chat_template.tool_use", "T")),
                       folder.path());
  CHECK(read_file(folder / "chat_template.jinja") == "D");
  CHECK(read_file(folder / "additional_chat_templates/tool_use.jinja") == "T");
}

TEST_CASE("Chat templates that cannot be files are refused by name", "[gguf]") {
  const auto refuse = [](const GgufBytes& bytes, const std::vector<std::string>& parts) {
    const TempDirectory folder;
    const GgufFile file = opened(folder, bytes);
    expect_input_error([&] { gguf_chat_template_files(file); }, parts);
  };
  const std::string key = "tokenizer.chat_template", names = "tokenizer.chat_templates";
  refuse(GgufBytes().text(key, "D").texts(names, {"rag"}),
         {"missing, but tokenizer.chat_templates names it", key + ".rag"});
  const std::vector<std::string> unusable{"../rag", "a/b", "",        ".",
                                          "a b",    "ä",   "default", std::string(101, 'x')};
  for (const std::string& name : unusable) {
    INFO(name);
    const std::string what = "found a chat template named " + json_excerpt(Json(name));
    refuse(GgufBytes().texts(names, {name}).text(key + "." + name, "T"), {what, names});
    refuse(GgufBytes().text(key + "." + name, "T"), {what, key + "."});
  }
  refuse(GgufBytes().text(names, "rag"), {"array of texts", names});
  refuse(GgufBytes().u32(key + ".rag", 7), {"a text", key + ".rag"});
}

TEST_CASE("Tokenizers that are not known are refused by name", "[gguf]") {
  check_tokenizer_refused(byte_level("klingon"),
                          {"found \"klingon\"", "llama-bpe", "tokenizer.ggml.pre"});
  check_tokenizer_refused(byte_level(""), {"missing", "tokenizer.ggml.pre"});
  check_tokenizer_refused(
      GgufBytes().text("tokenizer.ggml.model", "rwkv").texts("tokenizer.ggml.tokens", {"a"}),
      {"found \"rwkv\"", "tokenizer.ggml.model"});
  check_tokenizer_refused(GgufBytes(), {"no vocabulary", "tokenizer.ggml.tokens"});
}

TEST_CASE("Lists of a vocabulary that do not fit are refused", "[gguf]") {
  check_tokenizer_refused(by_score({0, 0}), {"2 values for 10 tokens", "tokenizer.ggml.scores"});
  check_tokenizer_refused(by_score({0, 0, 0, 0, -9, -9, -9, -2, -1, -3}, {1}),
                          {"1 values for 10 tokens", "tokenizer.ggml.token_type"});
  check_tokenizer_refused(
      by_score({0, 0, 0, 0, -9, -9, -9, -2, -1, -3}, {2, 3, 3, 6, 1, 1, 1, 1, 1, 7}),
      {"token 9 has the type 7", "tokenizer.ggml.token_type"});
  check_tokenizer_refused(by_score().u32("tokenizer.ggml.padding_token_id", 10),
                          {"found 10", "10 tokens", "tokenizer.ggml.padding_token_id"});
  const auto tokens = [](const std::vector<std::string>& list) {
    return GgufBytes()
        .text("tokenizer.ggml.model", "llama")
        .texts("tokenizer.ggml.tokens", list)
        .numbers("tokenizer.ggml.scores", Type::kFloat32, std::vector<float>(list.size(), 0));
  };
  check_tokenizer_refused(tokens({"a", "b", "a"}), {"tokens 0 and 2 have the same text"});
  check_tokenizer_refused(tokens({"a", "\xff"}), {"token 1 is not UTF-8"});
  check_tokenizer_refused(tokens({std::string(2000, 'x')}),
                          {"token 0 has 2000 bytes, expected at most 1024"});
  for (const char* const merge : {"ab", " ", "a ", "\xff b"}) {
    check_tokenizer_refused(GgufBytes()
                                .text("tokenizer.ggml.model", "gpt2")
                                .text("tokenizer.ggml.pre", "gpt-2")
                                .texts("tokenizer.ggml.tokens", {"a", "b"})
                                .texts("tokenizer.ggml.merges", {merge}),
                            {"merge 0 is not two tokens", "tokenizer.ggml.merges"});
  }
}
