#include "tokenizer/json_tokenizer.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "small_tokenizer.h"
#include "tokenizer/generated_text.h"

#include <thread>

using namespace expandft;
using expandft::testing::TempDirectory;

namespace {

using Ids = std::vector<TokenId>;

JsonTokenizer make(const Json& json, const TokenizerConfig& config = {}) {
  return JsonTokenizer(json.dump(), "tokenizer.json", config);
}

// The small tokenizer with one value changed; the message must name the place.
void refuse(const char* pointer, const char* value, std::vector<std::string> parts) {
  Json json = small_tokenizer();
  json[Json::json_pointer(pointer)] = Json::parse(value);
  INFO(pointer << " = " << value);
  parts.emplace_back("tokenizer.json");
  expect_input_error([&] { make(json); }, parts);
}

// A tokenizer.json like Llama 2's: "▁" for spaces, bytes for unknown characters.
Json marked_tokenizer() {
  Json json = small_tokenizer();
  json["normalizer"] = Json::parse(R"({"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})");
  json["pre_tokenizer"] = nullptr;
  json["post_processor"] = nullptr;
  json["added_tokens"] = Json::array();
  json["decoder"] = Json::parse(R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
    {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");
  json["model"]["vocab"] = Json::parse(
      R"({"<unk>": 0, "a": 1, "b": 2, "▁": 3, "▁a": 4, "ab": 5, "<0xC3>": 6, "<0xA9>": 7})");
  json["model"]["merges"] = Json::parse(R"(["▁ a", "a b"])");
  json["model"]["unk_token"] = "<unk>";
  json["model"]["byte_fallback"] = true;
  return json;
}

}  // namespace

TEST_CASE("a small tokenizer.json encodes and decodes", "[json_tokenizer]") {
  const JsonTokenizer tokenizer = make(small_tokenizer());
  CHECK(tokenizer.size() == 11);
  CHECK(tokenizer.adds_bos());
  CHECK_FALSE(tokenizer.adds_eos());
  CHECK(tokenizer.bos() == 9);
  CHECK(tokenizer.eos() == std::nullopt);
  CHECK(tokenizer.encode("abc ab", {.bos = true, .eos = true}) == Ids{9, 5, 3, 4});
  CHECK(tokenizer.encode("") == Ids{});
  CHECK(tokenizer.encode("<s>é") == Ids{9, 7, 8});
  CHECK(tokenizer.encode("xyz") == Ids{});  // no unk_token: the package drops them too
  CHECK(tokenizer.token(6) == "Ġa");
  CHECK(tokenizer.token(11) == "<11>");
  CHECK(tokenizer.token_bytes(6) == " a");
  CHECK(tokenizer.token_bytes(7) == "\xC3");
  CHECK(tokenizer.token_bytes(-1).empty());
  CHECK(tokenizer.is_special(9));
  CHECK_FALSE(tokenizer.is_special(6));
  CHECK(tokenizer.decode({9, 5, 6, 7, 8, 99, -3, 10}, true) == "abc aé");
  CHECK(tokenizer.decode({9, 5}, false) == "<s>abc");
}

TEST_CASE("byte-level decoding gives one U+FFFD for a malformed character", "[json_tokenizer]") {
  const JsonTokenizer tokenizer = make(small_tokenizer());
  CHECK(tokenizer.decode({7, 0, 7, 7, 8}, true) == "\uFFFDa\uFFFDé");
  StreamDecoder decoder(tokenizer);
  CHECK(decoder.push(7).empty());
  CHECK(decoder.push(0) == "\uFFFDa");
  CHECK(decoder.push(7).empty());
  CHECK(decoder.finish() == "\uFFFD");
}

TEST_CASE("a continuation gets no prefix from tokenizer.json", "[json_tokenizer]") {
  const EncodeOptions continued{.continuation = true};
  const JsonTokenizer prepended = make(marked_tokenizer());
  CHECK(prepended.encode("ab") == Ids{4, 2});
  CHECK(prepended.encode("ab", continued) == Ids{5});
  CHECK(prepended.strips_first_space());

  Json json = small_tokenizer();
  json["pre_tokenizer"]["add_prefix_space"] = true;
  CHECK(make(json).encode("a") == Ids{6});
  CHECK(make(json).encode("a<s>a") == Ids{6, 9, 6});
  CHECK(make(json).encode("a<s>a", continued) == Ids{0, 9, 6});

  json = marked_tokenizer();
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = Json::parse(R"({"type": "Metaspace", "replacement": "▁"})");
  CHECK(make(json).encode("ab") == Ids{4, 2});
  CHECK(make(json).encode("ab", continued) == Ids{5});
  json["pre_tokenizer"]["add_prefix_space"] = false;  // the form before prepend_scheme
  CHECK(make(json).encode("ab") == Ids{5});
}

TEST_CASE("malformed UTF-8 is encoded as U+FFFD", "[json_tokenizer]") {
  Json json = marked_tokenizer();
  json["normalizer"] = nullptr;
  json["model"]["vocab"]["\uFFFD"] = 8;
  CHECK(make(json).encode("a\xC3"
                          "b\xE2\x96") == Ids{1, 8, 2, 8, 8});
}

TEST_CASE("what the vocabulary lacks becomes bytes or the unknown token", "[json_tokenizer]") {
  Json json = marked_tokenizer();
  json["normalizer"] = nullptr;
  CHECK(make(json).encode("aéxxb") == Ids{1, 6, 7, 0, 0, 2});
  json["model"]["fuse_unk"] = true;
  CHECK(make(json).encode("axxb") == Ids{1, 0, 2});
  json["model"]["unk_token"] = "<missing>";
  CHECK(make(json).encode("ab") == Ids{5});
  expect_input_error([&] { make(json).encode("ax"); },
                     {"character \"x\"", "unk_token \"<missing>\"", "tokenizer.json: model"});
}

TEST_CASE("with ignore_merges a word that is a token is not merged", "[json_tokenizer]") {
  Json json = small_tokenizer();
  json["model"]["merges"] = Json::array();
  CHECK(make(json).encode("abc") == Ids{0, 1, 2});
  json["model"]["ignore_merges"] = true;
  CHECK(make(json).encode("abc") == Ids{5});
}

TEST_CASE("a text of one word is cut only where no merge can cross", "[json_tokenizer]") {
  Json json = marked_tokenizer();
  json["normalizer"]["normalizers"].erase(0);
  CHECK(make(json).encode("ab ab a") == Ids{5, 4, 2, 4});
  json["model"]["vocab"]["b▁"] = 8;
  json["model"]["merges"].insert(json["model"]["merges"].begin(), "b ▁");
  CHECK(make(json).encode("ab ab a") == Ids{1, 8, 1, 8, 1});
}

TEST_CASE("a merge with a mark after one character keeps the other cuts", "[json_tokenizer]") {
  Json json = marked_tokenizer();
  json["normalizer"]["normalizers"].erase(0);
  Json& model = json["model"];
  model["vocab"][">"] = 8;
  model["vocab"][">▁"] = 9;
  model["merges"].insert(model["merges"].begin(), "> ▁");
  CHECK(make(json).encode("a> ab a") == Ids{1, 9, 5, 4});
  CHECK(make(json).encode(">  a>") == Ids{9, 4, 8});
  // Characters that stand for other text than their symbols say, or for none.
  SECTION("a byte") {
    model["vocab"]["<0xA9>▁"] = 10;
    model["merges"].insert(model["merges"].begin(), "<0xA9> ▁");
    CHECK(make(json).encode("é ab> a") == Ids{6, 10, 5, 9, 1});
  }
  SECTION("the unknown token") {
    model["vocab"]["<unk>▁"] = 10;
    model["merges"].insert(model["merges"].begin(), "<unk> ▁");
    CHECK(make(json).encode("x ab> a") == Ids{10, 5, 9, 1});
  }
  SECTION("no token") {
    model["unk_token"] = nullptr;
    CHECK(make(json).encode(">x ab") == Ids{9, 5});
  }
}

TEST_CASE("a token that appears twice is refused", "[json_tokenizer]") {
  std::string text = small_tokenizer().dump();
  const std::size_t at = text.find("\"abc\":5");
  text.insert(at, "\"abc\":11,");
  expect_input_error([&] { JsonTokenizer(text, "tokenizer.json", {}); },
                     {"tokenizer.json", "model.vocab", "\"abc\" appears twice"});
}

TEST_CASE("several threads may use one tokenizer", "[json_tokenizer]") {
  const JsonTokenizer tokenizer = make(small_tokenizer());
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "abc ab é<s>";
  const Ids expected = tokenizer.encode(text);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (Ids& result : results) threads.emplace_back([&] { result = tokenizer.encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) CHECK(result == expected);
}

TEST_CASE("the files beside tokenizer.json name tokens and add some", "[json_tokenizer]") {
  const TempDirectory directory;
  directory.write("tokenizer.json", small_tokenizer().dump());
  directory.write("tokenizer_config.json",
                  R"({"eos_token": "</s>", "pad_token": "<pad>", "add_bos_token": false})");
  auto tokenizer = Tokenizer::load(directory.path());
  CHECK(tokenizer->adds_bos());  // post_processor decides
  CHECK(tokenizer->eos() == 10);
  CHECK(tokenizer->encode("<pad>") == Ids{11});
  CHECK(tokenizer->is_special(11));

  directory.write("tokenizer_config.json", R"({"eos_token": "a", "added_tokens_decoder": {
    "9": {"content": "<s>", "special": true, "rstrip": true}, "0": {"content": "a"}}})");
  tokenizer = Tokenizer::load(directory.path());
  CHECK(tokenizer->eos() == 0);
  CHECK(tokenizer->encode("<s>  ab") == Ids{9, 0, 1});
  CHECK(tokenizer->decode({0, 1}) == "b");

  const auto refuse_config = [&](const char* json, const std::vector<std::string>& parts) {
    directory.write("tokenizer_config.json", json);
    INFO(json);
    expect_input_error([&] { Tokenizer::load(directory.path()); }, parts);
  };
  refuse_config(R"({"added_tokens_decoder": {"9": {"content": "</s>"}}})",
                {"\"</s>\" has id 9", "expected 10, its id in the vocabulary"});
  refuse_config(R"({"added_tokens_decoder": {"50": {"content": "<x>"}}})",
                {"\"<x>\" has id 50", "expected 11, the next free id"});
}

TEST_CASE("LlamaTokenizer's rules replace the file's", "[json_tokenizer]") {
  TokenizerConfig config;
  config.tokenizer_class = "LlamaTokenizer";
  Json json = marked_tokenizer();
  json["added_tokens"] = Json::parse(R"([{"id": 0, "content": "<unk>", "special": true}])");
  const std::string text = " ab<unk>ab";
  CHECK(make(json).encode(text) == Ids{3, 4, 2, 0, 4, 2});
  for (const char* key : {"normalizer", "pre_tokenizer", "decoder"}) json.erase(key);
  CHECK(make(json, config).encode(text) == Ids{4, 2, 0, 5});  // one prefix, none before a space
  CHECK(make(json, config).decode({4, 2}, true) == "ab");
  config.legacy = true;
  CHECK(make(json, config).encode(text) == Ids{4, 2, 0, 4, 2});
  config.add_prefix_space = false;
  CHECK(make(json, config).encode("ab") == Ids{5});
  CHECK_FALSE(make(json, config).strips_first_space());
  config.model_type = "phi3";  // registered with a class that uses the file as it is
  CHECK(make(marked_tokenizer(), config).encode(" ab") == Ids{3, 4, 2});
  config.model_type = "llama";
  CHECK(make(small_tokenizer(), config).encode(" ab") == Ids{3, 4});
  expect_input_error([&] { JsonTokenizer("{\"model\": []}", "t.json", config); },
                     {"t.json: model", "an object"});
}

TEST_CASE("which tokenizer file is read", "[json_tokenizer]") {
  const TempDirectory directory;
  const auto refuse_load = [&](const std::vector<std::string>& parts) {
    expect_input_error([&] { Tokenizer::load(directory.path()); }, parts);
  };
  refuse_load({"neither a tokenizer.model nor a tokenizer.json"});
  directory.write("vocab.json", "{}");
  refuse_load({"vocab.json", "save_pretrained"});
  directory.write("tokenizer.model", "IQ== 0\nIg== 1\n");
  refuse_load({"tiktoken", "no tokenizer.json", "save_pretrained"});
  directory.write("tokenizer.json", small_tokenizer().dump());
  CHECK(Tokenizer::load(directory.path())->size() == 11);
  fs::copy_file(fs::path(EXPANDFT_TEST_DATA) / "golden" / "tokenizers" / "mistral-v1.model",
                directory.path() / "tokenizer.model", fs::copy_options::overwrite_existing);
  // As AutoTokenizer does, and with a notice of the file that is not read.
  const auto tokenizer = Tokenizer::load(directory.path());
  CHECK(tokenizer->size() == 11);
  const std::vector<std::string> notices = notice_texts(tokenizer->notices());
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].find("tokenizer.model and tokenizer.json differ: \"<unk>\" has id 0 there, "
                        "and none here") != std::string::npos);
}

TEST_CASE("files that contradict tokenizer.json are named", "[json_tokenizer]") {
  const TempDirectory directory;
  const Json whole = small_tokenizer();
  directory.write("tokenizer.json", whole.dump());
  const auto notices = [&] { return notice_texts(Tokenizer::load(directory.path())->notices()); };
  Json vocabulary = whole["model"]["vocab"];
  directory.write("vocab.json", vocabulary.dump());
  directory.write("merges.txt", "#version: 0.2\na b\nab c\nĠ a\n");
  CHECK(notices().empty());
  vocabulary["ab"] = 5;
  directory.write("vocab.json", vocabulary.dump());
  REQUIRE(notices().size() == 1);
  CHECK(notices()[0].find("vocab.json and tokenizer.json differ: \"ab\" has id 5 there, 4 here") !=
        std::string::npos);
  directory.write("vocab.json", whole["model"]["vocab"].dump());
  directory.write("merges.txt", "#version: 0.2\na b\nĠ a\nab c\n");
  REQUIRE(notices().size() == 1);
  CHECK(notices()[0].find("line 3 merges \"Ġ a\" there, \"ab c\" here") != std::string::npos);
  directory.write("merges.txt", "a b\n");
  CHECK(notices()[0].find("1 merges there, 3 here") != std::string::npos);
}

TEST_CASE("damaged or unsupported models of tokenizer.json are refused", "[json_tokenizer]") {
  for (const char* text : {"", "{", "[]", "3", "{\"model\": 1}", "{\"version\": 1}"}) {
    INFO(text);
    expect_input_error([&] { JsonTokenizer(text, "tokenizer.json", {}); }, {"tokenizer.json"});
  }
  refuse("/version", "\"2.0\"", {"version \"2.0\"", "supported: \"1.0\""});
  refuse("/model/type", "\"Unigram\"", {"model.type", "\"Unigram\" is not supported", "BPE"});
  refuse("/model/dropout", "0.1", {"model.dropout", "not supported"});
  refuse("/model/dropout", "\"x\"", {"model.dropout", "a number or null"});
  refuse("/model/continuing_subword_prefix", "\"##\"", {"model.continuing_subword_prefix"});
  refuse("/model/end_of_word_suffix", "\"</w>\"", {"model.end_of_word_suffix", "not supported"});
  refuse("/model/unk_token", "3", {"model.unk_token", "a string, found 3"});
  refuse("/model/fuse_unk", "\"yes\"", {"model.fuse_unk", "true or false"});
  refuse("/model/vocab", "[]", {"model.vocab", "an object, found a list"});
  refuse("/model/vocab", "{}", {"model.vocab", "at least one token"});
  refuse("/model/vocab/a", "-1", {"model.vocab.a", "found -1"});
  refuse("/model/vocab/a", "1.5", {"model.vocab.a"});
  refuse("/model/vocab/a", "4194304", {"model.vocab.a", "0 to 4194303"});
  refuse("/model/vocab/a", "18446744073709551615", {"model.vocab.a"});
  refuse("/model/vocab/a", "1", {"\"a\" and \"b\" both have id 1"});
  refuse("/model/merges", "{}", {"model.merges", "a list"});
  refuse("/model/merges/1", "\"a\"", {"model.merges.[1]", "two tokens with a space"});
  refuse("/model/merges/1", "\"a b c\"", {"model.merges.[1]"});
  refuse("/model/merges/1", "[\"a\"]", {"model.merges.[1]", "a merge"});
  refuse("/model/merges/1", "[\"a\", 1]", {"model.merges.[1]"});
  refuse("/model/merges/1", "7", {"model.merges.[1]", "found 7"});
  refuse("/model/merges/1", "\"a x\"", {"needs the token \"x\"", "model.merges[1]"});
  refuse("/model/merges/1", "\"b c\"", {"needs the token \"bc\""});
  Json json = small_tokenizer();
  json["model"].erase("merges");
  expect_input_error([&] { make(json); }, {"\"merges\" is missing", "tokenizer.json: model"});
}

TEST_CASE("damaged or unsupported steps of tokenizer.json are refused", "[json_tokenizer]") {
  refuse("/normalizer", "{}", {"\"type\" is missing", "normalizer"});
  refuse("/normalizer", "3", {"normalizer", "an object, found 3"});
  refuse("/normalizer", R"({"type": "Precompiled"})",
         {"normalizer.type", "\"Precompiled\" is not supported", "supported: NFC"});
  refuse("/normalizer", R"({"type": "Sequence", "normalizers": [{"type": "Bert"}]})",
         {"normalizer.normalizers[0].type", "\"Bert\""});
  refuse("/normalizer", R"({"type": "Prepend"})", {"\"prepend\" is missing"});
  refuse("/normalizer", R"({"type": "Replace", "pattern": {}, "content": ""})",
         {"normalizer.pattern", "{\"String\": …} or {\"Regex\": …}"});
  refuse("/normalizer", R"({"type": "Replace", "pattern": {"String": ""}, "content": ""})",
         {"normalizer.pattern.String", "not empty"});
  refuse("/normalizer", R"({"type": "Replace", "pattern": {"Regex": "("}, "content": ""})",
         {"normalizer.pattern.Regex", "does not compile: end pattern with unmatched parenthesis"});
  refuse("/normalizer", R"({"type": "Strip", "strip_left": 1})", {"normalizer.strip_left"});
  refuse("/pre_tokenizer", R"({"type": "BertPreTokenizer"})",
         {"pre_tokenizer.type", "\"BertPreTokenizer\" is not supported", "Metaspace"});
  refuse("/pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "X"})",
         {"pre_tokenizer.behavior", "Isolated", "found \"X\""});
  refuse("/pre_tokenizer", R"({"type": "Split", "pattern": "a", "behavior": "Isolated"})",
         {"pre_tokenizer.pattern", "an object"});
  refuse("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "__"})",
         {"pre_tokenizer.replacement", "one character"});
  refuse("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "x"})",
         {"pre_tokenizer.prepend_scheme", "always, first or never"});
  refuse("/pre_tokenizer",
         R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first",
             "add_prefix_space": false})",
         {"pre_tokenizer.prepend_scheme", "add_prefix_space is false"});
  refuse("/decoder", "null", {"decoder", "a decoder, found null"});
  refuse("/decoder", R"({"type": "WordPiece"})", {"decoder.type", "\"WordPiece\""});
  refuse("/decoder", R"({"type": "Metaspace", "replacement": ""})", {"decoder.replacement"});
  const auto refuse_decoders = [](const char* decoders, const std::vector<std::string>& parts) {
    refuse("/decoder",
           (R"({"type": "Sequence", "decoders": )" + std::string(decoders) + "}").c_str(), parts);
  };
  refuse_decoders(R"([{"type": "Fuse"}, {"type": "ByteFallback"}])",
                  {"decoder.decoders[1].type", "ByteFallback after Fuse"});
  refuse_decoders(R"([{"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "_"}])",
                  {"Metaspace after another decoder"});
  refuse_decoders(R"([{"type": "Strip", "content": " ", "start": 1, "stop": 0}])",
                  {"Strip before Fuse"});
  refuse_decoders(R"([{"type": "Fuse"}, {"type": "Strip", "content": "x", "start": 1, "stop": 0}])",
                  {"decoder.decoders[1].content"});
  refuse_decoders(R"([{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 2, "stop": 0}])",
                  {"decoder.decoders[1].start", "more than one space"});
  refuse_decoders(R"([{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 1}])",
                  {"decoder.decoders[1].stop", "at the end"});
}

TEST_CASE("damaged or unsupported templates and tokens are refused", "[json_tokenizer]") {
  refuse("/post_processor/type", "\"BertProcessing\"", {"post_processor.type", "BertProcessing"});
  const std::string bos = R"({"SpecialToken": {"id": "<s>"}})";
  const std::string eos = R"({"SpecialToken": {"id": "</s>"}})";
  const std::string text = R"({"Sequence": {"id": "A"}})";
  const auto refuse_single = [](const std::string& pieces, const std::vector<std::string>& parts) {
    refuse("/post_processor/single", ("[" + pieces + "]").c_str(), parts);
  };
  refuse_single(bos, {"post_processor.single", "the sequence A"});
  refuse_single(bos + "," + eos + "," + text,
                {"post_processor.single[1].SpecialToken.id", "\"</s>\" as a second token before"});
  refuse_single(text + "," + eos + "," + eos, {"\"</s>\" as a second token after the text"});
  refuse_single(text + "," + text, {"post_processor.single[1].Sequence.id"});
  refuse_single(R"({"Sequence": {"id": "B"}})", {"a sequence other than one A"});
  refuse_single(R"({"Other": 1})", {"post_processor.single[0]", "SpecialToken"});
  refuse_single(R"({"SpecialToken": {"id": "<x>"}},)" + text, {"\"<x>\" is not among"});
  refuse_single(R"({"SpecialToken": {"id": "two"}},)" + text,
                {"post_processor.special_tokens.two.ids", "several ids"});
  refuse("/post_processor/special_tokens/<s>/ids/0", "99", {"id 99", "go up to 10"});
  refuse("/post_processor/special_tokens/<s>/ids/0", "-1", {"ids[0]", "found -1"});
  const Json one = small_tokenizer()["post_processor"];
  refuse("/post_processor", Json({{"type", "Sequence"}, {"processors", {one, one}}}).dump().c_str(),
         {"post_processor.processors[1].type", "second template"});
  refuse("/added_tokens", "{}", {"added_tokens", "a list"});
  refuse("/added_tokens/0/id", "8", {"\"<s>\" has id 8, expected 9, the next free id"});
  refuse("/added_tokens/0/content", "\"a\"", {"\"a\" has id 9, expected 0"});
  refuse("/added_tokens/0/content", "\"\"", {"added_tokens[0].content", "not empty"});
  refuse("/added_tokens/0/content", "null", {"added_tokens[0].content", "a string"});
  refuse("/added_tokens/0/id", "18446744073709551615", {"added_tokens[0].id"});
  refuse("/added_tokens/0/lstrip", "0", {"added_tokens[0].lstrip"});
  refuse("/model/vocab/c", "9", {"\"<s>\" has id 9, which is that of \"c\""});
}

TEST_CASE("a template may add EOS", "[json_tokenizer]") {
  Json json = small_tokenizer();
  json["post_processor"]["single"].push_back({{"SpecialToken", {{"id", "</s>"}}}});
  TokenizerConfig config;
  config.eos = {true, "a"};
  const JsonTokenizer tokenizer = make(json, config);
  CHECK(tokenizer.adds_eos());
  CHECK(tokenizer.eos() == 10);  // the template decides, not the other file
}

TEST_CASE("hostile steps end in errors", "[json_tokenizer]") {
  Json json = small_tokenizer();
  json["pre_tokenizer"] =
      Json::parse(R"({"type": "Split", "pattern": {"Regex": "(a+a+)+b"}, "behavior": "Isolated"})");
  expect_input_error([&] { make(json).encode(std::string(200, 'a')); },
                     {"retry-limit-in-match over", "200 bytes", "pre_tokenizer.pattern.Regex"});
  json = small_tokenizer();
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array()}};
  for (int i = 0; i < 40; ++i) {
    json["normalizer"]["normalizers"].push_back(
        {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  }
  expect_input_error([&] { make(json).encode("a"); }, {"64 times as long", "normalizer"});
}
