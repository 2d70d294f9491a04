#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/text_pattern.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace expandft {

/// How a tokenizer.json makes text of tokens: its "decoder".
class TokenDecoder {
 public:
  /// Reads ByteLevel, Metaspace, ByteFallback, Fuse, Strip, Replace or a Sequence of them. What
  /// looks at the joined text must come after what looks at single tokens, so that a token's bytes
  /// do not depend on its neighbours.
  static TokenDecoder read(const JsonNode& node);

  std::string decode(std::vector<std::string> tokens) const;
  /// The bytes of one token: those of part of a character for "<0xE2>" or byte-level tokens.
  std::string bytes(std::string_view token) const;
  /// Whether these are whole characters, and no byte that may be part of a run.
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
  // Metaspace's own rule: it drops its marks from the first token, all of them.
  bool strips_first_token_ = false;
  std::string mark_;
};

}  // namespace expandft
