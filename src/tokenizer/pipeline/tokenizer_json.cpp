#include "tokenizer/pipeline/tokenizer_json.h"

#include "base/error.h"

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

// {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
TokenId special_id(const JsonNode& templates, const JsonNode& name) {
  const JsonNode specials = templates.at("special_tokens");
  if (!specials.object().contains(name.text())) {
    throw input_error("the template's token \"" + name.text() + "\" is not among special_tokens",
                      name.where());
  }
  const JsonNode ids = specials.at(name.text().c_str()).at("ids");
  if (ids.array().size() != 1) {
    ids.unsupported("a special token of several ids in a template", "one id");
  }
  return static_cast<TokenId>(ids.items()[0].integer(0, std::numeric_limits<TokenId>::max()));
}

// [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
TextEnds read_template(const JsonNode& node) {
  TextEnds ends;
  bool text_seen = false;
  const JsonNode single = node.at("single");
  for (const JsonNode& piece : single.items()) {
    const auto sequence = piece.find("Sequence");
    const auto special = piece.find("SpecialToken");
    if (sequence.has_value() == special.has_value()) {
      piece.wrong("{\"Sequence\": …} or {\"SpecialToken\": …}");
    }
    if (sequence) {
      const JsonNode id = sequence->at("id");
      if (id.text() != "A" || text_seen) {
        id.unsupported("a template with a sequence other than one A", "$A, BOS before, EOS after");
      }
      text_seen = true;
      continue;
    }
    const JsonNode id = special->at("id");
    std::optional<TokenId>& end = text_seen ? ends.after : ends.before;
    if (end) {
      id.unsupported("a template that adds \"" + id.text() + "\" as a second token " +
                         (text_seen ? "after" : "before") + " the text",
                     "at most one BOS before and one EOS after the text");
    }
    end = special_id(node, id);
  }
  if (!text_seen) single.wrong("a template with the sequence A");
  return ends;
}

void read_into(TextEnds& ends, const JsonNode& node) {
  const JsonNode type = node.at("type");
  const std::string& name = type.text();
  if (name == "Sequence") {
    for (const JsonNode& item : node.at("processors").items()) read_into(ends, item);
  } else if (name == "TemplateProcessing") {
    const TextEnds added = read_template(node);
    if ((ends.before && added.before) || (ends.after && added.after)) {
      type.unsupported("a second template that adds tokens at the same end", "one template");
    }
    if (added.before) ends.before = added.before;
    if (added.after) ends.after = added.after;
  } else if (name != "ByteLevel") {  // ByteLevel only trims offsets
    type.unsupported("the post-processor \"" + name + "\"",
                     "TemplateProcessing, ByteLevel, Sequence");
  }
}

// null, TemplateProcessing, ByteLevel or a Sequence of them. A template that adds more than one
// token before and one after the text is an input error.
TextEnds read_post_processor(const JsonNode& node) {
  TextEnds ends;
  if (!node.is_null()) read_into(ends, node);
  return ends;
}

TokenDecoder read_decoder(const JsonNode& node) {
  if (node.is_null()) node.wrong("a decoder");
  return TokenDecoder::read(node);
}

}  // namespace

TokenizerJson read_tokenizer_json(const TokenizerContent& content, const std::string& file) {
  const JsonNode root(content.json, file);
  if (const auto version = root.find("version"); version && version->text() != "1.0") {
    version->unsupported("version \"" + version->text() + "\" of tokenizer.json", "\"1.0\"");
  }
  return {read_added_tokens(root),
          Normalizer::read(part(root, "normalizer", file)),
          PreTokenizer::read(part(root, "pre_tokenizer", file)),
          BpeModel::read(root.at("model"), content.tables),
          read_post_processor(part(root, "post_processor", file)),
          read_decoder(part(root, "decoder", file))};
}

}  // namespace expandft
