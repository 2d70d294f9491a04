#pragma once

#include "base/unicode.h"
#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/text_pattern.h"

#include <string>
#include <variant>
#include <vector>

namespace expandft {

/// The "normalizer" of a tokenizer.json: changes the text before it is split.
class Normalizer {
 public:
  /// Reads null, NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip or a Sequence of them.
  static Normalizer read(const JsonNode& node);
  /// Without `prefix` Prepend is skipped. The text is well-formed UTF-8.
  std::string apply(std::string text, bool prefix = true) const;
  /// Whether a text can be cut before a space between ASCII letters and its parts normalized
  /// separately, the second without Prepend, with the same result.
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
