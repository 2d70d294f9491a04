#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/regular_expression.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// What Split and Replace of a tokenizer.json search for: a fixed string or a regular expression.
class TextPattern {
 public:
  /// Reads {"String": "▁"} or {"Regex": "\\s+"}.
  static TextPattern read(const JsonNode& node);
  static TextPattern literal(std::string text);
  static TextPattern regex(const std::string& pattern, const std::string& where);

  std::vector<Match> find_all(std::string_view text) const;
  /// Whether it is this fixed string, or this regular expression.
  bool is_literal(std::string_view text) const { return !regex_ && literal_ == text; }
  bool is_regex(std::string_view pattern) const { return regex_ && literal_ == pattern; }
  /// The text with `content` in place of every match.
  std::string replace(std::string_view text, std::string_view content) const;

 private:
  std::string literal_;  // or the source of the regular expression
  std::shared_ptr<const RegularExpression> regex_;
};

}  // namespace expandft
