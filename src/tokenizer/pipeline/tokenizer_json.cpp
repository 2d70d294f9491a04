#include "tokenizer/pipeline/tokenizer_json.h"

#include <limits>

namespace expandft {
namespace {

const Json kNull;

// Null for a missing member.
JsonNode part(const JsonNode& root, const char* key, const std::string& file) {
  return root.find(key).value_or(JsonNode(kNull, file, key));
}

std::vector<AddedToken> read_added_tokens(const JsonNode& root) {
  std::vector<AddedToken> tokens;
  const auto list = root.find("added_tokens");
  if (!list) return tokens;
  for (const JsonNode& item : list->items()) {
    AddedToken& token = tokens.emplace_back();
    token.id =
        static_cast<TokenId>(item.at("id").integer(0, std::numeric_limits<TokenId>::max() - 1));
    token.content = item.at("content").text();
    if (token.content.empty()) item.at("content").wrong("a token that is not empty");
    token.special = item.flag("special", false);
    token.normalized = item.flag("normalized", !token.special);
    token.lstrip = item.flag("lstrip", false);
    token.rstrip = item.flag("rstrip", false);
    token.single_word = item.flag("single_word", false);
  }
  return tokens;
}

TokenDecoder read_decoder(const JsonNode& node) {
  if (node.is_null()) node.wrong("a decoder");
  return TokenDecoder::read(node);
}

}  // namespace

TokenizerJson read_tokenizer_json(const Json& json, const std::string& file) {
  const JsonNode root(json, file);
  if (const auto version = root.find("version"); version && version->text() != "1.0") {
    version->unsupported("version \"" + version->text() + "\" of tokenizer.json", "\"1.0\"");
  }
  return {read_added_tokens(root),
          Normalizer::read(part(root, "normalizer", file)),
          PreTokenizer::read(part(root, "pre_tokenizer", file)),
          BpeModel::read(root.at("model")),
          read_post_processor(part(root, "post_processor", file)),
          read_decoder(part(root, "decoder", file))};
}

}  // namespace expandft
