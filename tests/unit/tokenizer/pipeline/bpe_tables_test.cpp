#include "tokenizer/pipeline/bpe_tables.h"

#include "base/error.h"
#include "catch.h"
#include "tokenizer/pipeline/bpe_vocabulary.h"

using namespace expandft;

namespace {

// Escapes, a pair of surrogates, both forms of merges, and members in an unusual order.
constexpr const char* kFile =
    R"({ "version" : "1.0", "added_tokens": [{"content": "}]\"", "id": 1}],
  "model": {"merges": ["a b", [ "\n\u00e9" , "\uD83d\uDE00\\" ]], "type":"BPE", "more": [-1.5e3, {}],
  "vocab": {"a": 0, "é\/" : 4194303, "\ud83d\ude00": 7 }, "unk_token": null}, "last": true})";

/// The tables put back to where they were; merges as pairs.
Json whole(const TokenizerContent& content) {
  Json json = content.json;
  if (content.tables) {
    for (const auto& [text, id] : content.tables->vocabulary) {
      json["model"]["vocab"][std::string(text)] = id;
    }
    for (const auto& [left, right] : content.tables->merges) {
      json["model"]["merges"].push_back({std::string(left), std::string(right)});
    }
    return json;
  }
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object()) return json;
  if (!json["model"].contains("merges")) return json;
  for (Json& merge : json["model"]["merges"]) {
    if (!merge.is_string()) continue;
    const auto text = merge.get<std::string>();
    const std::size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos) continue;
    if (text.starts_with("#version")) continue;
    merge = Json{text.substr(0, space), text.substr(space + 1)};
  }
  return json;
}

struct Outcome {
  Json json;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

template <typename Parse>
Outcome outcome_of(const Parse& parse) {
  try {
    return {whole(parse()), ""};
  } catch (const Error& error) {
    return {Json(), error.where() + " " + error.message()};
  }
}

/// Whether the text gives the same values, or the same error, as without tables.
void check_same(const std::string& text) {
  const Outcome expected = outcome_of([&] {
    return TokenizerContent{parse_json(text, "file"), std::nullopt};
  });
  const Outcome found = outcome_of([&] { return parse_tokenizer_json(text, "file"); });
  // The vocabulary's own reader finds tokens that appear twice.
  if (expected.error.find("appears twice") != std::string::npos && found.error.empty()) return;
  if (found != expected) {
    INFO(text << "\nexpected: " << expected.error << expected.json.dump());
    INFO("found: " << found.error << found.json.dump());
    CHECK(found == expected);
  }
}

}  // namespace

TEST_CASE("the tables of a tokenizer.json are read apart from the rest", "[bpe_tables]") {
  const TokenizerContent content = parse_tokenizer_json(kFile, "file");
  REQUIRE(content.tables);
  CHECK(content.json["model"]["vocab"] == Json::object());
  CHECK(content.json["model"]["merges"] == Json::array());
  CHECK(content.json["last"] == true);
  REQUIRE(content.tables->vocabulary.size() == 3);
  CHECK(content.tables->vocabulary[1].text == "é/");
  CHECK(content.tables->vocabulary[1].id == kLargestTokenId);
  CHECK(content.tables->vocabulary[2].text == "😀");
  REQUIRE(content.tables->merges.size() == 2);
  CHECK(content.tables->merges[0].right == "b");
  CHECK(content.tables->merges[1].left == "\né");
  CHECK(content.tables->merges[1].right == "😀\\");
  CHECK(parse_tokenizer_json("\uFEFF" + std::string(kFile), "file").tables);
  check_same("\uFEFF" + std::string(kFile));
}

TEST_CASE("unusual tokenizer.json files are read whole", "[bpe_tables]") {
  const auto is_whole = [](const std::string& text) {
    check_same(text);
    return !parse_tokenizer_json(text, "file").tables;
  };
  const auto model = [](const std::string& vocab, const std::string& merges) {
    return R"({"model": {"vocab": )" + vocab + R"(, "merges": )" + merges + "}}";
  };
  CHECK_FALSE(is_whole(model(R"({"a": 0})", R"(["a b"])")));
  CHECK_FALSE(is_whole(model("{}", "[]")));
  for (const char* vocab :
       {R"({"a": 0.0})", R"({"a": -1})", R"({"a": 4194304})", R"([["a", -1.5]])",
        R"({"a": 99999999999999999999})", "null", R"({"\u0000": 1})"}) {
    CHECK(is_whole(model(vocab, "[]")));
  }
  for (const char* merges : {R"(["#version: 0.2", "a b"])", R"(["ab"])", R"(["a b c"])",
                             R"([["a", "b", "c"]])", R"([["a", 1]])", R"([3])", "{}", "null"}) {
    CHECK(is_whole(model("{}", merges)));
  }
  CHECK(is_whole(R"({"model": {"vocab": {"a": 0}}})"));
  CHECK(is_whole(R"({"vocab": {"a": 0}, "merges": []})"));
  CHECK(is_whole("[]"));
}

TEST_CASE("a damaged tokenizer.json gives the error of a whole one", "[bpe_tables]") {
  const std::string file = kFile;
  for (std::size_t at = 0; at < file.size(); ++at) {
    check_same(file.substr(0, at));
    check_same(file.substr(0, at) + file.substr(at + 1));
    for (const char c : std::string("\"\\{}[],:0a \n\x01\xC3\xFF") + '\0') {
      std::string damaged = file;
      damaged[at] = c;
      check_same(damaged);
    }
  }
  check_same(R"({"model": {"vocab": {}, "vocab": {"a": 0}, "merges": []}})");
  check_same(R"({"model": {"vocab": {"\ud83d": 0}, "merges": []}})");
  check_same(R"({"model": {"vocab": {}, "merges": []}, "model": {}})");
}

TEST_CASE("a vocabulary finds its tokens and no other", "[bpe_vocabulary]") {
  constexpr TokenId kCount = 5000;
  BpeVocabulary vocabulary(kCount, kCount + 1);
  for (TokenId id = 0; id < kCount; ++id) {
    REQUIRE(vocabulary.add(id == 0 ? "" : "token " + std::to_string(id), id + 1));
  }
  CHECK_FALSE(vocabulary.add("token 7", 0));
  CHECK(vocabulary.count() == kCount);
  CHECK(vocabulary.tokens()[0].empty());
  CHECK(vocabulary.find("") == 1);
  bool all = true;
  for (TokenId id = 1; id < kCount; ++id) {
    all = all && vocabulary.find("token " + std::to_string(id)) == id + 1;
  }
  CHECK(all);
  CHECK(vocabulary.find("token 5000") == std::nullopt);
  CHECK(BpeVocabulary().find("") == std::nullopt);
}
