#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// A stretch of bytes [begin, end) of a text.
struct Match {
  std::size_t begin = 0, end = 0;
};

/// A compiled regular expression of Oniguruma, the engine and the syntax (its own) that the
/// tokenizers package uses. Immutable: threads may share it.
class RegularExpression {
 public:
  /// A pattern that does not compile is an input error at `where`.
  RegularExpression(const std::string& pattern, const std::string& where);
  ~RegularExpression();
  RegularExpression(RegularExpression&&) noexcept;
  RegularExpression& operator=(RegularExpression&&) noexcept;

  /// All matches in well-formed UTF-8, from left to right, none inside another. An empty
  /// match right after the one before is passed over. A search that takes more than the engine's
  /// limits is an input error.
  std::vector<Match> find_all(std::string_view text) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace expandft
