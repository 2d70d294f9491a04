#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/split_behavior.h"
#include "tokenizer/pipeline/text_pattern.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace expandft {

/// Normalized text, split into words that the model encodes one by one.
struct Words {
  std::string text;
  std::vector<Match> spans;
};

/// The "pre_tokenizer" of a tokenizer.json: splits text into words.
class PreTokenizer {
 public:
  /// Reads null, Split, ByteLevel, Metaspace, Digits, Punctuation or a Sequence of them.
  static PreTokenizer read(const JsonNode& node);
  /// `at_start`: the stretch begins the whole text, and not after an added token. Without `prefix`
  /// no space (or space mark) is added before its first word. The stretch is well-formed UTF-8.
  Words apply(std::string stretch, bool at_start, bool prefix = true) const;
  /// Whether the words on either side of a space between ASCII letters do not depend on the text on
  /// the other side. The space may be at a word's end, at its start, or inside it.
  bool keeps_words_apart() const;
  /// Whether such a space always begins a word.
  bool cuts_before_words() const;

 private:
  struct Split {
    TextPattern pattern;
    SplitBehavior behavior;
    bool invert;
  };
  struct ByteLevel {
    bool prefix_space;
    std::optional<TextPattern> pattern;
  };
  enum class PrependScheme { kAlways, kFirst, kNever };
  struct Metaspace {
    std::string mark;
    PrependScheme scheme;
    bool split;
  };
  struct Digits {
    bool individual;
  };
  struct Punctuation {
    SplitBehavior behavior;
  };
  using Step = std::variant<Split, ByteLevel, Metaspace, Digits, Punctuation>;

  void add(const JsonNode& node);
  static Metaspace read_metaspace(const JsonNode& node);
  static void apply(const ByteLevel& step, Words& words, bool prefix);
  static void apply(const Metaspace& step, Words& words, bool at_start, bool prefix);

  std::vector<Step> steps_;
};

}  // namespace expandft
