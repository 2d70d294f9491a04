#include "tokenizer/pipeline/post_processor.h"

#include "base/error.h"

#include <limits>

namespace expandft {
namespace {

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

}  // namespace

TextEnds read_post_processor(const JsonNode& node) {
  TextEnds ends;
  if (!node.is_null()) read_into(ends, node);
  return ends;
}

}  // namespace expandft
