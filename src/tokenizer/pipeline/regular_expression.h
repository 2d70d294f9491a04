#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Bytes [begin, end) of a text.
struct Match {
  std::size_t begin = 0, end = 0;
};

/// A match, and the match of each of its groups, if the group took part.
struct GroupedMatch {
  Match match;
  std::vector<std::optional<Match>> groups;
};

/// How patterns are read, and which empty matches count.
enum class RegexSyntax {
  // The engine's own, which the tokenizers package uses. An empty match directly after a match is
  // skipped.
  kOniguruma,
  // Python's re for str patterns. An empty match may directly follow a match that is not empty.
  // Differences from re: \w includes marks, \s lacks U+001C to U+001F, the ^ of (?m) does not match
  // after a newline at the end of the text, and \N{name} and (?L) are not supported.
  kPython,
};

/// A compiled regular expression, by Oniguruma. Immutable, so threads may share it.
class RegularExpression {
 public:
  /// Input error at `where` for a pattern that does not compile.
  RegularExpression(const std::string& pattern, const std::string& where,
                    RegexSyntax syntax = RegexSyntax::kOniguruma);
  ~RegularExpression();
  RegularExpression(RegularExpression&&) noexcept;
  RegularExpression& operator=(RegularExpression&&) noexcept;

  /// All matches in well-formed UTF-8, from left to right, without overlaps. Input error for a
  /// search that exceeds the engine's limits.
  std::vector<Match> find_all(std::string_view text) const;
  /// The same with their groups.
  std::vector<GroupedMatch> find_all_groups(std::string_view text) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace expandft
