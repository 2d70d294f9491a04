#pragma once

#include "base/json.h"

#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// What a place of a template does with its value: {field|strip|after:_}. Filters of texts take a
/// list too, and change each of its texts; numbers, true and false count as texts.
///
/// | filter | gives |
/// | strip, lstrip, rstrip | the text without white space at its ends, as Python removes it |
/// | capitalize | the first letter large, the others small, as Python does it |
/// | before:TEXT, after:TEXT | what is before or after the first TEXT; an error without one |
/// | last_word, without_last_word | what follows, or precedes, the last blank; a text without one
///   is a last word |
/// | wikihow, wikitext | the text cleaned as lm-evaluation-harness does it in hellaswag, wikitext |
/// | options | of a list: a text of lines "A. …", "B. …" |
/// | letters | of a list: the list "A", "B", … of its length |
/// | split_options | of "a ) 38 , b ) 27": the list of answers, as in mathqa |
class TemplateFilter {
 public:
  /// Reads "strip" or "after:_". Input error at `where` for an unknown name (names the nearest), a
  /// missing argument or one too many.
  static TemplateFilter parse(std::string_view text, const std::string& where);
  /// Input error, at `where` (file and line of the row), for a value of a wrong kind. `place` is
  /// how messages call the place.
  Json apply(const Json& value, const std::string& place, const std::string& where) const;

 private:
  std::string name_, argument_;
};

}  // namespace expandft
