#pragma once

#include "base/json.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// A function of a text that a template can name. Given a list, it changes each text of the list,
/// unless `takes_lists` is false.
struct TextFilter {
  std::function<Json(const std::string& text)> apply;
  bool takes_lists = true;
};
using TextFilters = std::map<std::string, TextFilter>;

/// One filter of a template's place: {field|strip|after:_}. Numbers, true and false count as texts.
///
/// | filter | result |
/// | strip, lstrip, rstrip | the text without white space at its ends, as in Python |
/// | capitalize | the first letter in upper case, the others in lower case, as in Python |
/// | before:TEXT, after:TEXT | what is before or after the first TEXT; an error without one |
/// | last_word, without_last_word | what follows, or precedes, the last blank; a text without a
///   blank is a last word |
/// | options | of a list: a text of lines "A. …", "B. …" |
/// | letters | of a list: the list "A", "B", … of its length |
///
/// All but the last two change a text, or each text of a list.
class TemplateFilter {
 public:
  /// Reads "strip" or "after:_". `more`: filters that are known besides the general ones. Input
  /// error at `where` for an unknown name (suggests the nearest), and for a missing or extra
  /// argument.
  static TemplateFilter parse(std::string_view text, const std::string& where,
                              const TextFilters& more);
  /// Input error, at `where` (file and line of the row), for a value of the wrong kind. `place`
  /// names the value in messages.
  Json apply(const Json& value, const std::string& place, const std::string& where) const;

 private:
  std::string name_, argument_;
  std::optional<TextFilter> of_text_;  // unless apply() treats the name itself
};

}  // namespace expandft
