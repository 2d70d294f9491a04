#include "tokenizer/pipeline/token_decoder.h"

#include "base/utf8.h"
#include "tokenizer/pipeline/byte_alphabet.h"
#include "tokenizer/pipeline/token.h"

namespace expandft {
namespace {

// Each run of byte tokens becomes one token of UTF-8.
std::vector<std::string> join_byte_tokens(std::vector<std::string> tokens) {
  std::vector<std::string> joined;
  std::string run;
  const auto finish_run = [&] {
    if (run.empty()) return;
    append_byte_run(run, joined.emplace_back());
    run.clear();
  };
  for (std::string& token : tokens) {
    if (is_byte_token(token)) {
      run += bytes_of_token(token);
    } else {
      finish_run();
      joined.push_back(std::move(token));
    }
  }
  finish_run();
  return joined;
}

std::string byte_level_bytes(std::string_view token) {
  return characters_to_bytes(token).value_or(std::string(token));
}

}  // namespace

TokenDecoder TokenDecoder::read(const JsonNode& node) {
  TokenDecoder decoder;
  decoder.add(node);
  return decoder;
}

void TokenDecoder::add(const JsonNode& node) {
  const JsonNode type = node.at("type");
  const std::string& name = type.text();
  if (name == "Sequence") {
    for (const JsonNode& item : node.at("decoders").items()) add(item);
  } else if (name == "ByteLevel") {
    before_joining(type);
    joined_ = byte_level_ = true;
  } else if (name == "Fuse") {
    joined_ = true;
  } else if (name == "ByteFallback") {
    before_joining(type);
    steps_.emplace_back(ByteFallback{});
  } else if (name == "Replace") {
    before_joining(type);
    steps_.emplace_back(Replace{TextPattern::read(node.at("pattern")), node.at("content").text()});
  } else if (name == "Metaspace") {
    before_joining(type);
    add_metaspace(node);
  } else if (name == "Strip") {
    add_strip(node);
  } else {
    type.unsupported("the decoder \"" + name + "\"",
                     "ByteLevel, Metaspace, ByteFallback, Fuse, Strip, Replace, Sequence");
  }
}

void TokenDecoder::before_joining(const JsonNode& type) const {
  if (joined_) type.unsupported(type.text() + " after Fuse or ByteLevel", "Strip there");
}

void TokenDecoder::add_metaspace(const JsonNode& node) {
  const JsonNode mark = node.at("replacement");
  if (mark.text().empty() || character_length(mark.text()) != mark.text().size()) {
    mark.wrong("one character");
  }
  const auto scheme = node.find("prepend_scheme");
  const bool never = scheme ? scheme->text() == "never" : !node.flag("add_prefix_space", true);
  if (!never) {
    if (!steps_.empty()) {
      node.at("type").unsupported("Metaspace after another decoder", "Metaspace first");
    }
    strips_first_token_ = true;
    mark_ = mark.text();
  }
  steps_.emplace_back(Replace{TextPattern::literal(mark.text()), " "});
}

void TokenDecoder::add_strip(const JsonNode& node) {
  const JsonNode content = node.at("content");
  const JsonNode start = node.at("start");
  const JsonNode stop = node.at("stop");
  if (!joined_) node.at("type").unsupported("Strip before Fuse", "Strip after Fuse");
  if (content.text() != " ") content.unsupported("stripping anything else", "\" \"");
  if (stop.integer(0, 1 << 20) != 0) stop.unsupported("stripping at the end", "0");
  if (const auto count = start.integer(0, 1 << 20); count > 0) {
    if (count > 1 || strips_space_) start.unsupported("stripping more than one space", "0 and 1");
    strips_space_ = true;
  }
}

std::string TokenDecoder::decode(std::vector<std::string> tokens) const {
  if (strips_first_token_ && !tokens.empty()) {
    tokens[0] = TextPattern::literal(mark_).replace(tokens[0], "");
  }
  for (const Step& step : steps_) {
    if (const auto* replace = std::get_if<Replace>(&step)) {
      for (std::string& token : tokens) token = replace->pattern.replace(token, replace->content);
    } else {
      tokens = join_byte_tokens(std::move(tokens));
    }
  }
  std::string text;
  for (const std::string& token : tokens) text += byte_level_ ? byte_level_bytes(token) : token;
  if (byte_level_) text = replace_invalid_utf8(text, Replacing::kEachSubpart);
  if (strips_space_ && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

TokenDecoder::Piece TokenDecoder::piece_of(std::string_view token) const {
  std::string text(token);
  for (const Step& step : steps_) {
    if (const auto* replace = std::get_if<Replace>(&step)) {
      text = replace->pattern.replace(text, replace->content);
    } else if (is_byte_token(text)) {
      return {bytes_of_token(text), true};
    }
  }
  return {byte_level_ ? byte_level_bytes(text) : text};
}

std::string TokenDecoder::bytes(std::string_view token) const {
  return piece_of(token).text;
}

bool TokenDecoder::stands_alone(std::string_view token) const {
  const Piece piece = piece_of(token);
  return !piece.is_byte && find_invalid_utf8(piece.text) == piece.text.npos;
}

}  // namespace expandft
