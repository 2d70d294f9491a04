#pragma once

#include "base/unicode.h"
#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/text_pattern.h"

#include <string>
#include <variant>
#include <vector>

namespace expandft {

/// What a tokenizer.json does to text before it is cut: its "normalizer".
class Normalizer {
 public:
  /// Reads null, NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip or a Sequence of them.
  static Normalizer read(const JsonNode& node);
  /// `prefix` false leaves Prepend out. The text is well-formed UTF-8.
  std::string apply(std::string text, bool prefix = true) const;
  /// Whether what it makes of a text that is cut before a space between ASCII letters is what it
  /// makes of the parts, the second without Prepend.
  bool keeps_words_apart() const;

 private:
  struct Form {
    UnicodeForm form;
  };
  struct Lowercase {};
  struct Prepend {
    std::string text;
  };
  struct Replace {
    TextPattern pattern;
    std::string content;
  };
  struct Strip {
    bool left, right;
  };
  using Step = std::variant<Form, Lowercase, Prepend, Replace, Strip>;

  void add(const JsonNode& node);
  static std::string apply(const Step& step, std::string text, bool prefix);

  std::vector<Step> steps_;
  std::string where_;
};

}  // namespace expandft
