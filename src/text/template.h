#pragma once

#include "base/json.h"

#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Text with places for the fields of a JSON object: "Question: {question}\nAnswer:".
/// A place names a field, and with dots a field or list item inside it: {answer.text},
/// {choices.0}. A field whose own name has dots is found first. "{{" and "}}" stand for braces.
class TextTemplate {
 public:
  /// Input error with the position for an unbalanced brace and an empty name.
  /// `where` names the template in messages: "run.json: data.template.prompt".
  static TextTemplate parse(std::string_view text, const std::string& where);

  /// Strings go in as they are, numbers, true and false as JSON writes them.
  /// Input errors, at `where` (file and line of the row): a missing field (names the row's fields
  /// and the nearest), and null, an object or a list in place of a value.
  std::string render(const Json& row, const std::string& where) const;

 private:
  struct Part {
    std::string text;  // or the field's name
    bool is_field = false;
  };
  std::vector<Part> parts_;
};

}  // namespace expandft
