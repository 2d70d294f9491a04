#include "tokenizer/pipeline/pre_tokenizer.h"

#include "base/unicode.h"
#include "base/utf8.h"
#include "tokenizer/pipeline/byte_alphabet.h"
#include "tokenizer/pipeline/token.h"

#include <algorithm>

namespace expandft {
namespace {

// ByteLevel's pattern (GPT-2, Radford et al. 2019, encoder.py).
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Patterns of published models. A match has a space between ASCII letters at most as its first
// character, and the matches before and after such a space do not depend on the text on its other
// side: each run of a kind (letters, digits, marks, white space) ends there, and only (?!\S) looks
// beyond it, by one character.
bool is_word_pattern(const TextPattern& pattern) {
  static constexpr std::string_view kPatterns[] = {
      kGpt2Pattern,
      // Llama 3
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      // Qwen 2
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      // GPT-4o
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      // Mistral's Tekken
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
  };
  return std::ranges::any_of(kPatterns,
                             [&](std::string_view known) { return pattern.is_regex(known); });
}

std::string_view part(const Words& words, const Match& span) {
  return std::string_view(words.text).substr(span.begin, span.end - span.begin);
}

template <typename Find>
void split(Words& words, SplitBehavior behavior, bool invert, Find find) {
  std::vector<Match> spans;
  for (const Match& word : words.spans) {
    const std::string_view text = part(words, word);
    append_split(parts_of(find(text), text.size(), invert), behavior, word.begin, spans);
  }
  words.spans = std::move(spans);
}

// Each character of a kind is a separate match.
std::vector<Match> find_characters(std::string_view text, bool (*is_of_kind)(char32_t)) {
  std::vector<Match> matches;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character next = decode_character(text.substr(at));
    if (is_of_kind(next.code)) matches.push_back({at, at + next.length});
    at += next.length;
  }
  return matches;
}

}  // namespace

PreTokenizer PreTokenizer::read(const JsonNode& node) {
  PreTokenizer pre_tokenizer;
  if (!node.is_null()) pre_tokenizer.add(node);
  return pre_tokenizer;
}

void PreTokenizer::add(const JsonNode& node) {
  const JsonNode type = node.at("type");
  const std::string& name = type.text();
  if (name == "Sequence") {
    for (const JsonNode& item : node.at("pretokenizers").items()) add(item);
  } else if (name == "Split") {
    steps_.emplace_back(Split{TextPattern::read(node.at("pattern")),
                              read_split_behavior(node.at("behavior")),
                              node.flag("invert", false)});
  } else if (name == "ByteLevel") {
    ByteLevel step{node.flag("add_prefix_space", true), std::nullopt};
    if (node.flag("use_regex", true)) step.pattern = TextPattern::regex(kGpt2Pattern, node.where());
    steps_.emplace_back(std::move(step));
  } else if (name == "Metaspace") {
    steps_.emplace_back(read_metaspace(node));
  } else if (name == "Digits") {
    steps_.emplace_back(Digits{node.flag("individual_digits", false)});
  } else if (name == "Punctuation") {
    const auto behavior = node.find("behavior");
    steps_.emplace_back(
        Punctuation{behavior ? read_split_behavior(*behavior) : SplitBehavior::kIsolated});
  } else {
    type.unsupported("the pre-tokenizer \"" + name + "\"",
                     "Split, ByteLevel, Metaspace, Digits, Punctuation, Sequence");
  }
}

PreTokenizer::Metaspace PreTokenizer::read_metaspace(const JsonNode& node) {
  const JsonNode mark = node.at("replacement");
  if (mark.text().empty() || character_length(mark.text()) != mark.text().size()) {
    mark.wrong("one character");
  }
  Metaspace step{mark.text(), PrependScheme::kAlways, node.flag("split", true)};
  if (const auto scheme = node.find("prepend_scheme")) {
    if (scheme->text() == "first") {
      step.scheme = PrependScheme::kFirst;
    } else if (scheme->text() == "never") {
      step.scheme = PrependScheme::kNever;
    } else if (scheme->text() != "always") {
      scheme->wrong("always, first or never");
    }
    if (!node.flag("add_prefix_space", true) && step.scheme != PrependScheme::kNever) {
      scheme->wrong("never, since add_prefix_space is false");
    }
  } else if (!node.flag("add_prefix_space", true)) {
    step.scheme = PrependScheme::kNever;  // files written before prepend_scheme existed
  }
  return step;
}

bool PreTokenizer::keeps_words_apart() const {
  return std::ranges::all_of(steps_, [](const Step& step) {
    if (const auto* bytes = std::get_if<ByteLevel>(&step)) {
      return !bytes->pattern || is_word_pattern(*bytes->pattern);
    }
    if (const auto* metaspace = std::get_if<Metaspace>(&step)) return metaspace->mark == kSpaceMark;
    const auto* split = std::get_if<Split>(&step);
    return split == nullptr || split->pattern.is_literal(" ") ||
           split->pattern.is_literal(kSpaceMark) || is_word_pattern(split->pattern);
  });
}

bool PreTokenizer::cuts_before_words() const {
  return std::ranges::any_of(steps_, [](const Step& step) {
    if (const auto* bytes = std::get_if<ByteLevel>(&step)) return bytes->pattern.has_value();
    const auto* split = std::get_if<Split>(&step);
    return split != nullptr && split->behavior == SplitBehavior::kIsolated &&
           is_word_pattern(split->pattern);
  });
}

Words PreTokenizer::apply(std::string stretch, bool at_start, bool prefix) const {
  Words words{std::move(stretch), {}};
  if (!words.text.empty()) words.spans.push_back({0, words.text.size()});
  for (const Step& step : steps_) {
    if (const auto* pattern = std::get_if<Split>(&step)) {
      split(words, pattern->behavior, pattern->invert,
            [&](std::string_view text) { return pattern->pattern.find_all(text); });
    } else if (const auto* bytes = std::get_if<ByteLevel>(&step)) {
      apply(*bytes, words, prefix);
    } else if (const auto* metaspace = std::get_if<Metaspace>(&step)) {
      apply(*metaspace, words, at_start, prefix);
    } else if (const auto* digits = std::get_if<Digits>(&step)) {
      split(words, digits->individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous,
            false, [](std::string_view text) { return find_characters(text, is_number); });
    } else {
      split(words, std::get<Punctuation>(step).behavior, false,
            [](std::string_view text) { return find_characters(text, is_punctuation); });
    }
  }
  return words;
}

void PreTokenizer::apply(const ByteLevel& step, Words& words, bool prefix) {
  if (step.prefix_space) {
    Words spaced;
    for (const Match& word : words.spans) {
      const std::size_t begin = spaced.text.size();
      const std::string_view text = part(words, word);
      if (!text.starts_with(' ') && (prefix || word.begin > 0)) spaced.text += ' ';
      spaced.text += text;
      spaced.spans.push_back({begin, spaced.text.size()});
    }
    words = std::move(spaced);
  }
  if (step.pattern) {
    split(words, SplitBehavior::kIsolated, false,
          [&](std::string_view text) { return step.pattern->find_all(text); });
  }
  Words mapped;
  for (const Match& word : words.spans) {
    const std::size_t begin = mapped.text.size();
    mapped.text += bytes_to_characters(part(words, word));
    mapped.spans.push_back({begin, mapped.text.size()});
  }
  words = std::move(mapped);
}

void PreTokenizer::apply(const Metaspace& step, Words& words, bool at_start, bool prefix) {
  const TextPattern space = TextPattern::literal(" ");
  Words marked;
  for (const Match& word : words.spans) {
    const std::size_t begin = marked.text.size();
    const std::string text = space.replace(part(words, word), step.mark);
    const bool first = word.begin == 0;
    const bool wanted = step.scheme == PrependScheme::kAlways ||
                        (step.scheme == PrependScheme::kFirst && at_start && first);
    if (wanted && (prefix || !first) && !text.starts_with(step.mark)) marked.text += step.mark;
    marked.text += text;
    marked.spans.push_back({begin, marked.text.size()});
  }
  words = std::move(marked);
  if (!step.split) return;
  const TextPattern mark = TextPattern::literal(step.mark);
  split(words, SplitBehavior::kMergedWithNext, false,
        [&](std::string_view text) { return mark.find_all(text); });
}

}  // namespace expandft
