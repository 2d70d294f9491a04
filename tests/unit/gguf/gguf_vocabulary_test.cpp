#include "gguf/writing/gguf_vocabulary.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "gguf/pre_tokenizers.h"
#include "tokenizer/tokenizer.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

const Json kBytes = {{"type", "ByteLevel"},
                     {"add_prefix_space", false},
                     {"trim_offsets", true},
                     {"use_regex", true}};

Json byte_level(const Json& pre_tokenizer, bool ignore_merges = false) {
  return {{"normalizer", nullptr},
          {"pre_tokenizer", pre_tokenizer},
          {"model", {{"type", "BPE"}, {"ignore_merges", ignore_merges}}}};
}

Json sequence(const Json& steps) {
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

/// A tokenizer.json with bytes as tokens; spaces become "▁".
std::string with_bytes(const Json& vocabulary, const Json& merges, const Json& added) {
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  const Json back = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
  return Json({{"version", "1.0"},
               {"added_tokens", added},
               {"normalizer", replace},
               {"pre_tokenizer", nullptr},
               {"post_processor", nullptr},
               {"decoder",
                {{"type", "Sequence"},
                 {"decoders", {back, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}},
               {"model",
                {{"type", "BPE"},
                 {"unk_token", "<unk>"},
                 {"fuse_unk", true},
                 {"byte_fallback", true},
                 {"vocab", vocabulary},
                 {"merges", merges}}}})
      .dump();
}

GgufVocabulary vocabulary_of(const std::string& tokenizer, std::int64_t rows) {
  const TempDirectory folder;
  folder.write("tokenizer.json", tokenizer);
  return gguf_vocabulary(folder.path(), *Tokenizer::load(folder.path()), rows);
}

const Json kAdded = {{{"id", 0}, {"content", "<unk>"}, {"special", true}},
                     {{"id", 7}, {"content", "<turn>"}, {"special", false}},
                     {{"id", 8}, {"content", "<|end|>"}, {"special", false}}};
const Json kTokens = {{"<unk>", 0}, {"<0x0A>", 1}, {"a", 2},      {"b", 3},      {"ab", 4},
                      {"abb", 5},   {"▁", 6},      {"<turn>", 7}, {"<|end|>", 8}};

}  // namespace

TEST_CASE("A splitting is known by its steps, however they are written", "[gguf]") {
  const auto name = [](const Json& tokenizer) { return gguf_pre_tokenizer_name(tokenizer, "t"); };
  CHECK(name(byte_level(kBytes)) == "gpt-2");
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  CHECK(name(byte_level(sequence({digits, kBytes}))) == "smollm");
  for (const char* const known : {"llama-bpe", "qwen2", "tekken", "deepseek-llm", "falcon"}) {
    const auto found = find_gguf_pre_tokenizer(known);
    REQUIRE(found);
    CHECK(name(byte_level(found->pre_tokenizer, found->ignore_merges)) == known);
  }
  Json composed = byte_level(kBytes);
  composed["normalizer"] = {{"type", "NFC"}};
  CHECK(name(composed) == "gpt-2");
}

TEST_CASE("A splitting that llama.cpp has no name for is refused", "[gguf]") {
  const auto refuses = [](const Json& tokenizer, const std::vector<std::string>& parts) {
    expect_input_error([&] { gguf_pre_tokenizer_name(tokenizer, "t"); }, parts);
  };
  refuses(byte_level(kBytes, true), {"split in a way", "t: pre_tokenizer"});  // whole words first
  refuses(byte_level(Json(nullptr)), {"split in a way"});
  Json prefixed = kBytes;
  prefixed["add_prefix_space"] = true;
  refuses(byte_level(prefixed), {"split in a way"});
  Json lower = byte_level(kBytes);
  lower["normalizer"] = {{"type", "Lowercase"}};
  refuses(lower, {"Lowercase", "t: normalizer"});
}

TEST_CASE("Scores follow from the order of merges", "[gguf]") {
  const Json merges = Json::parse(R"([["a", "b"], ["ab", "b"]])");
  const GgufVocabulary found = vocabulary_of(with_bytes(kTokens, merges, kAdded), 10);
  CHECK(found.model == "llama");
  REQUIRE(found.tokens.size() == 10);
  CHECK(found.tokens[9] == "[PAD9]");
  using Kind = GgufTokenKind;
  CHECK(found.kinds == std::vector<Kind>{Kind::kUnknown, Kind::kByte, Kind::kNormal, Kind::kNormal,
                                         Kind::kNormal, Kind::kNormal, Kind::kNormal,
                                         Kind::kUserDefined, Kind::kControl, Kind::kUnused});
  CHECK(found.scores[4] > found.scores[5]);
  CHECK(found.scores[5] > found.scores[2]);
}

TEST_CASE("Merges that no scores give are refused", "[gguf]") {
  Json tokens = kTokens;
  tokens["bb"] = 9;
  // "abb" is put together from "a" and "bb" too, but these do not merge.
  const Json missing = Json::parse(R"([["a", "b"], ["ab", "b"], ["b", "b"]])");
  expect_input_error([&] { vocabulary_of(with_bytes(tokens, missing, kAdded), 10); },
                     {"abb", "1 merges", "2 ways"});
  const Json apart = Json::parse(R"([["a", "b"], ["ab", "b"], ["b", "b"], ["a", "bb"]])");
  expect_input_error([&] { vocabulary_of(with_bytes(tokens, apart, kAdded), 10); },
                     {"abb", "apart from each other"});
}

TEST_CASE("A byte-level vocabulary has merges and no scores", "[gguf]") {
  const TempDirectory folder;
  folder.write("tokenizer.json", Json({{"version", "1.0"},
                                       {"added_tokens", {{{"id", 3}, {"content", "<|end|>"}}}},
                                       {"normalizer", nullptr},
                                       {"pre_tokenizer", kBytes},
                                       {"post_processor", nullptr},
                                       {"decoder", {{"type", "ByteLevel"}}},
                                       {"model",
                                        {{"type", "BPE"},
                                         {"vocab", {{"Ġ", 0}, {"a", 1}, {"Ġa", 2}}},
                                         {"merges", Json::parse(R"([["Ġ", "a"]])")}}}})
                                     .dump());
  const GgufVocabulary found = gguf_vocabulary(folder.path(), *Tokenizer::load(folder.path()), 4);
  CHECK(found.model == "gpt2");
  CHECK(found.pre == "gpt-2");
  CHECK(found.tokens == std::vector<std::string>{"Ġ", "a", "Ġa", "<|end|>"});
  CHECK(found.merges == std::vector<std::string>{"Ġ a"});
  CHECK(found.scores.empty());
  CHECK(found.kinds[3] == GgufTokenKind::kControl);
}

TEST_CASE("A model without a tokenizer, or with another kind, is refused", "[gguf]") {
  const TempDirectory folder;
  const auto other = Tokenizer::load(fs::path(EXPANDFT_DATA) / "stories260K");
  expect_input_error([&] { gguf_vocabulary(folder.path(), *other, 4); },
                     {"neither a tokenizer.model nor a tokenizer.json"});
  folder.write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
  expect_input_error([&] { gguf_vocabulary(folder.path(), *other, 4); }, {"Unigram", "BPE"});
}
