#pragma once

#include "base/json.h"
#include "data/rows/template_filters.h"

#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Text with places for the fields of a JSON object: "Question: {question}\nAnswer:".
/// A place names a field, or with dots a field or list item inside it: {answer.text}, {choices.0}.
/// A field whose own name has dots takes precedence. "{{" and "}}" stand for braces.
///
/// The templates of tasks have filters (data/rows/template_filters.h), which change a field's value
/// from left to right: {question|strip}. A place without a field, {|strip}, changes all the text
/// before it. Elsewhere "|" is a character of the field's name.
class TextTemplate {
 public:
  /// `where` names the template in messages: "run.json: data.template.prompt". `filters`: what its
  /// places can name besides the general filters; null for a template without filters. Input
  /// errors, with the position, for an unbalanced brace and an empty name; for an unknown filter.
  static TextTemplate parse(std::string_view text, const std::string& where,
                            const TextFilters* filters = nullptr);

  /// Strings as they are, numbers as the row has them, true and false as in JSON. Input errors, at
  /// `where` (file and line of the row), for a missing field (names the row's fields and suggests
  /// the nearest), null, an object or a list instead of a value, and a value that a filter cannot
  /// take.
  std::string render(const Json& row, const std::string& where) const;
  /// A template of a single place that holds a list: the texts of the list. Any other: the one text
  /// of render. Input errors as in render.
  std::vector<std::string> render_texts(const Json& row, const std::string& where) const;
  /// Whether a place names the row's field, or something inside it.
  bool reads(std::string_view field) const;
  /// The fields that the template names and the row lacks, each once.
  std::vector<std::string> missing_fields(const Json& row) const;

 private:
  struct Part {
    std::string text;  // literal, or the field's name
    bool is_field = false;
    std::vector<TemplateFilter> filters = {};
  };
  static Part parse_place(std::string_view text, const std::string& where,
                          const TextFilters* filters);
  Json value_of(const Part& part, const Json& row, const std::string& where) const;

  std::vector<Part> parts_;
};

}  // namespace expandft
