#include "tokenizer/tokenizer.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "tokenizer/generated_text.h"
#include "tokenizer/sentencepiece_model.h"

#include <algorithm>
#include <iterator>
#include <random>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

const fs::path kModels = fs::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers";
using Ids = std::vector<TokenId>;

// A model directory with a tokenizer.model and the JSON files of a test.
struct TokenizerDirectory : TempDirectory {
  explicit TokenizerDirectory(const std::string& model = "mistral-v1.model") {
    fs::copy_file(kModels / model, path() / "tokenizer.model");
  }
  std::unique_ptr<const Tokenizer> load() const { return Tokenizer::load(path()); }
};

}  // namespace

TEST_CASE("a directory with tokenizer.model alone gets prefix and BOS", "[tokenizer]") {
  const TokenizerDirectory directory;
  const auto tokenizer = directory.load();
  CHECK(tokenizer->bos() == 1);
  CHECK(tokenizer->eos() == 2);
  CHECK(tokenizer->adds_bos());
  CHECK(tokenizer->size() == 32000);
  EncodeOptions options;
  options.bos = options.eos = true;
  CHECK(tokenizer->encode("Hello world", options) == Ids{1, 22557, 1526, 2});
  CHECK(tokenizer->token(22557) == "▁Hello");
  CHECK(tokenizer->token(32000) == "<32000>");
  CHECK(tokenizer->token(-1) == "<-1>");
  CHECK(tokenizer->decode({1, 22557, -5, 99999, 1526, 2}) == "Hello world");
}

TEST_CASE("a continuation gets no prefix", "[tokenizer]") {
  const TokenizerDirectory directory;
  directory.write("tokenizer_config.json", R"({"legacy": true})");
  EncodeOptions options;
  options.continuation = true;
  CHECK(directory.load()->encode("Hello</s>x", options) == Ids{16230, 2, 1318});
}

TEST_CASE("Gemma's rules follow the model type if no class is named", "[tokenizer]") {
  const TokenizerDirectory directory("gemma-test.model");
  directory.write("config.json", R"({"model_type": "gemma3_text"})");
  const auto tokenizer = directory.load();
  CHECK(tokenizer->bos() == 2);
  CHECK(tokenizer->eos() == 1);
  CHECK_FALSE(tokenizer->strips_first_space());
  CHECK(tokenizer->encode("el") == Ids{264, 289});
}

TEST_CASE("tokenizer_config.json switches BOS and names special tokens", "[tokenizer]") {
  const TokenizerDirectory directory;
  directory.write("tokenizer_config.json",
                  R"({"add_bos_token": false, "eos_token": {"content": "<|end|>"},
                      "pad_token": "<unk>", "tokenizer_class": "LlamaTokenizerFast"})");
  const auto tokenizer = directory.load();
  CHECK_FALSE(tokenizer->adds_bos());
  CHECK(tokenizer->bos() == 1);
  CHECK(tokenizer->eos() == 32000);  // not in the vocabulary: the first id after it
  CHECK(tokenizer->size() == 32001);
  CHECK(tokenizer->encode("<|end|>") == Ids{32000});
  CHECK(tokenizer->is_special(32000));
  CHECK_FALSE(tokenizer->is_special(22557));

  directory.write("tokenizer_config.json", R"({"bos_token": null})");
  CHECK(directory.load()->bos() == std::nullopt);
  CHECK_FALSE(directory.load()->adds_bos());
}

TEST_CASE("additional special tokens are left out of decoded text", "[tokenizer]") {
  const TokenizerDirectory directory;
  directory.write("special_tokens_map.json", R"({"additional_special_tokens": ["<a>"]})");
  directory.write("added_tokens.json", R"({"<a>": 32001, "<b>": 32000})");
  const auto tokenizer = directory.load();
  CHECK(tokenizer->encode("<a><b>") == Ids{32001, 32000});
  CHECK(tokenizer->decode({32001, 32000}) == "<b>");
  CHECK(tokenizer->decode({32001, 32000}, false) == "<a><b>");
}

TEST_CASE("long texts give the same ids in parts", "[tokenizer]") {
  const TokenizerDirectory directory;
  const auto tokenizer = directory.load();
  std::string text;
  Ids expected;
  const auto line = tokenizer->encode("line of  text\n\n", {.continuation = true});
  for (int i = 0; i < 20000; ++i) {
    text += "line of  text\n\n";
    expected.insert(expected.end(), line.begin(), line.end());
  }
  CHECK(tokenizer->encode(text, {.continuation = true}) == expected);
  CHECK(tokenizer->decode(expected) == text);
}

TEST_CASE("a long text has the ids of its lines, however it is cut", "[tokenizer]") {
  // Parts of words, among them spaces of all kinds and unknown characters. Each line ends with a
  // newline, and no piece of these models crosses one.
  const char* const kParts[] = {" ",       "  ",   "   ", "\u2581", " \u2581", "\t",
                                "the",     " the", "ing", "é",      "日本",    "😀",
                                "\u2581 ", "(x",   ") ",  "12",     "  if",    "\xC2\xA0"};
  const auto name =
      GENERATE(as<std::string>{}, "mistral-v1", "mistral-v3", "gemma-test", "stories260K");
  CAPTURE(name);
  const fs::path goldens = fs::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers";
  const TempDirectory directory;
  fs::copy_file(name == "stories260K" ? fs::path(EXPANDFT_DATA) / name / "tokenizer.model"
                                      : goldens / (name + ".model"),
                directory.path() / "tokenizer.model");
  const auto tokenizer = Tokenizer::load(directory.path());
  EncodeOptions options;
  options.continuation = true;
  std::minstd_rand random(7);
  std::string text;
  std::vector<TokenId> by_line;
  while (text.size() < 200000) {
    std::string line;
    for (auto parts = random() % 30; parts > 0; --parts)
      line += kParts[random() % std::size(kParts)];
    line += "x\n";
    const std::vector<TokenId> ids = tokenizer->encode(line, options);
    by_line.insert(by_line.end(), ids.begin(), ids.end());
    text += line;
  }
  const std::vector<TokenId> ids = tokenizer->encode(text, options);
  const auto apart = std::ranges::mismatch(ids, by_line);
  CAPTURE(apart.in1 - ids.begin(), ids.size(), by_line.size());
  const bool same = apart.in1 == ids.end() && apart.in2 == by_line.end();
  CHECK(same);
}

TEST_CASE("missing tokenizer files are named", "[tokenizer]") {
  const TempDirectory directory;
  expect_input_error([&] { Tokenizer::load(directory.path()); },
                     {"neither a tokenizer.model nor a tokenizer.json"});
  expect_input_error([&] { Tokenizer::load(directory.path() / "none"); }, {"none", "directory"});
  directory.write("tokenizer.json", "{}");
  expect_input_error([&] { Tokenizer::load(directory.path()); },
                     {"tokenizer.json", "\"model\" is missing"});
}

TEST_CASE("a truncated tokenizer.model is an error at every length", "[tokenizer]") {
  const std::string whole = read_file(kModels / "gemma-test.model");
  const TempDirectory directory;
  for (const std::string& bytes :
       {std::string(), std::string("no model at all"), std::string(64, '\0'),
        std::string("version https://git-lfs.example/spec\n"), whole.substr(0, 2000) + "\xFF\xFF",
        std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11),
        std::string("\x0A\x03\x0A\x01"
                    "a",
                    5)}) {
    directory.write("tokenizer.model", bytes);
    expect_input_error([&] { Tokenizer::load(directory.path()); }, {"tokenizer.model"});
  }
}

TEST_CASE("a cut or changed tokenizer.model never crashes", "[tokenizer]") {
  const std::string whole = read_file(kModels / "gemma-test.model");
  const TempDirectory directory;
  int refused = 0;
  const auto try_bytes = [&](const std::string& bytes) {
    directory.write("tokenizer.model", bytes);
    try {
      const auto tokenizer = Tokenizer::load(directory.path());
      tokenizer->decode(tokenizer->encode("Hello <bos> wörld"));
    } catch (const Error& error) {
      ++refused;
      if (error.code() != ExitCode::kBadInput) FAIL(error.what());
    }
  };
  for (std::size_t length = 0; length < 5000; length += 37) try_bytes(whole.substr(0, length));
  CHECK(refused > 100);
  refused = 0;
  for (std::size_t at = 0; at < 5000; at += 13) {  // pieces and trainer_spec are there
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    try_bytes(changed);
  }
  CHECK(refused > 10);
}

TEST_CASE("special ids outside the pieces are refused", "[tokenizer]") {
  // One piece "a", and a trainer_spec (field 2) with bos_id (field 41) = 9.
  const std::string bytes(
      "\x0A\x03\x0A\x01"
      "a"
      "\x12\x03\xC8\x02\x09",
      10);
  expect_input_error([&] { parse_sentencepiece_model(bytes, "m.model"); },
                     {"special id 9", "1 pieces", "m.model"});
}

TEST_CASE("a piece that is not UTF-8 is refused", "[tokenizer]") {
  const std::string bytes("\x0A\x03\x0A\x01\xff", 5);
  expect_input_error([&] { parse_sentencepiece_model(bytes, "m.model"); },
                     {"piece 0 is not UTF-8", "m.model"});
}

TEST_CASE("added tokens that clash are refused", "[tokenizer]") {
  const TokenizerDirectory directory;
  const auto refuse = [&](const char* name, const char* json, std::vector<std::string> parts) {
    directory.write(name, json);
    INFO(json);
    expect_input_error([&] { directory.load(); }, parts);
    fs::remove(directory.path() / name);
  };
  const char* config = "tokenizer_config.json";
  refuse(config, R"({"added_tokens_decoder": {"5000": {"content": "<x>"}}})",
         {"\"<x>\" has id 5000", "in tokenizer.model that is"});
  refuse(config, R"({"added_tokens_decoder": {"32000": {"content": "</s>"}}})",
         {"\"</s>\" has id 32000", "it has id 2"});
  refuse(config,
         R"({"added_tokens_decoder": {"32000": {"content": "<x>"}, "32001": {"content": "<x>"}}})",
         {"\"<x>\" has two ids, 32000 and 32001", config});
  refuse("added_tokens.json", R"({"<x>": 32000, "<y>": 32000})",
         {"\"<x>\" and \"<y>\" both have id 32000", "added_tokens.json"});
}

TEST_CASE("wrong values in the JSON files are refused with their path", "[tokenizer]") {
  const TokenizerDirectory directory;
  const auto refuse = [&](const char* json, std::vector<std::string> parts) {
    directory.write("tokenizer_config.json", json);
    INFO(json);
    parts.push_back("tokenizer_config.json");
    expect_input_error([&] { directory.load(); }, parts);
  };
  refuse("{", {});
  refuse("[]", {"an object"});
  refuse(R"({"add_bos_token": "yes"})", {"add_bos_token", "true or false"});
  refuse(R"({"tokenizer_class": 3})", {"tokenizer_class", "a string"});
  refuse(R"({"bos_token": 1})", {"bos_token"});
  refuse(R"({"bos_token": ""})", {"bos_token", "not empty"});
  refuse(R"({"bos_token": {"content": "<x>", "lstrip": 1}})", {"bos_token.lstrip"});
  refuse(R"({"extra_special_tokens": "x"})", {"extra_special_tokens", "list"});
  refuse(R"({"added_tokens_decoder": []})", {"added_tokens_decoder"});
  refuse(R"({"added_tokens_decoder": {"x1": {"content": "<x>"}}})",
         {"added_tokens_decoder.x1", "id"});
  refuse(R"({"added_tokens_decoder": {"-1": {"content": "<x>"}}})", {"added_tokens_decoder.-1"});
  refuse(R"({"added_tokens_decoder": {"99999999999": {"content": "<x>"}}})", {"99999999999"});
  directory.write("tokenizer_config.json", "{}");
  directory.write("added_tokens.json", R"({"<x>": "1"})");
  expect_input_error([&] { directory.load(); }, {"added_tokens.json", "<x>"});
}

TEST_CASE("single_word is read from tokenizer_config.json", "[tokenizer]") {
  const TokenizerDirectory directory;
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {"32000":
    {"content": "<x>", "single_word": true}}})");
  const auto tokenizer = directory.load();
  const auto has_token = [&](const char* text) {
    const Ids ids = tokenizer->encode(text);
    return std::find(ids.begin(), ids.end(), 32000) != ids.end();
  };
  CHECK(has_token("a <x> b"));
  CHECK_FALSE(has_token("a<x> b"));
}

TEST_CASE("a tokenizer larger than the model's vocabulary is refused", "[tokenizer]") {
  const TokenizerDirectory directory;
  const auto tokenizer = directory.load();
  CHECK_NOTHROW(check_vocabulary(*tokenizer, 32000, "model"));
  CHECK_NOTHROW(check_vocabulary(*tokenizer, 32064, "model"));
  expect_input_error([&] { check_vocabulary(*tokenizer, 31999, "models/m/config.json"); },
                     {"32000", "31999", "models/m/config.json"});
}

TEST_CASE("streamed text never has half a character", "[stream_decoder]") {
  const TokenizerDirectory directory;
  const auto tokenizer = directory.load();
  const Ids ids = tokenizer->encode("a 👩 é");
  StreamDecoder decoder(*tokenizer);
  std::vector<std::string> pieces;
  for (const TokenId id : ids) pieces.push_back(decoder.push(id));
  CHECK(pieces == std::vector<std::string>{"a", " ", "", "", "", "👩", " é"});
  CHECK(decoder.finish().empty());

  StreamDecoder cut(*tokenizer);
  CHECK(cut.push(243).empty());  // <0xF0>
  CHECK(cut.push(162).empty());
  CHECK(cut.finish() == "\uFFFD\uFFFD");

  StreamDecoder broken(*tokenizer);
  CHECK(broken.push(243).empty());
  CHECK(broken.push(22557) == "\uFFFD Hello");
  CHECK(broken.push(2).empty());

  StreamDecoder continued(*tokenizer, true);
  CHECK(continued.push(22557) == " Hello");
}
