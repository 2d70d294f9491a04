#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/text_pattern.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace expandft {

/// The "decoder" of a tokenizer.json: turns tokens into text.
class TokenDecoder {
 public:
  /// Reads ByteLevel, Metaspace, ByteFallback, Fuse, Strip, Replace or a Sequence of them. Steps on
  /// the joined text must come after steps on single tokens, so that a token's bytes do not depend
  /// on its neighbours.
  static TokenDecoder read(const JsonNode& node);

  std::string decode(std::vector<std::string> tokens) const;
  /// The bytes of one token; for "<0xE2>" or byte-level tokens perhaps only part of a character.
  std::string bytes(std::string_view token) const;
  /// Whether these are whole characters, and not a byte token.
  bool stands_alone(std::string_view token) const;

  bool strips_first_space() const { return strips_space_ || strips_first_token(); }
  bool strips_first_token() const { return strips_first_token_; }
  bool is_byte_level() const { return byte_level_; }

 private:
  struct Replace {
    TextPattern pattern;
    std::string content;
  };
  struct ByteFallback {};
  using Step = std::variant<Replace, ByteFallback>;

  struct Piece {
    std::string text;
    bool is_byte = false;
  };

  void add(const JsonNode& node);
  void add_metaspace(const JsonNode& node);
  void add_strip(const JsonNode& node);
  void before_joining(const JsonNode& type) const;
  Piece piece_of(std::string_view token) const;

  std::vector<Step> steps_;  // on single tokens
  bool joined_ = false;      // Fuse or ByteLevel has been read
  bool byte_level_ = false;
  bool strips_space_ = false;  // one space at the start of the joined text
  // Metaspace drops all of its marks from the first token.
  bool strips_first_token_ = false;
  std::string mark_;
};

}  // namespace expandft
