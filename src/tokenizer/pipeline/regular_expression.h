#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// A stretch of bytes [begin, end) of a text.
struct Match {
  std::size_t begin = 0, end = 0;
};

/// A match, and what each of its groups caught; nothing where a group took no part.
struct GroupedMatch {
  Match match;
  std::vector<std::optional<Match>> groups;
};

/// How patterns are read, and which empty matches count.
enum class RegexSyntax {
  // The engine's own, which the tokenizers package uses. An empty match right after the one before
  // is passed over.
  kOniguruma,
  // As Python's re reads patterns of str. An empty match may follow another match, but no empty
  // one. What differs: \w has marks too, \s lacks U+001C to U+001F, the ^ of (?m) does not match
  // after a newline that ends the text; no \N{name}, no (?L).
  kPython,
};

/// A compiled regular expression; the engine is Oniguruma. Immutable: threads may share it.
class RegularExpression {
 public:
  /// A pattern that does not compile is an input error at `where`.
  RegularExpression(const std::string& pattern, const std::string& where,
                    RegexSyntax syntax = RegexSyntax::kOniguruma);
  ~RegularExpression();
  RegularExpression(RegularExpression&&) noexcept;
  RegularExpression& operator=(RegularExpression&&) noexcept;

  /// All matches in well-formed UTF-8, from left to right, none inside another. A search that takes
  /// more than the engine's limits is an input error.
  std::vector<Match> find_all(std::string_view text) const;
  /// The same with their groups.
  std::vector<GroupedMatch> find_all_groups(std::string_view text) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace expandft
