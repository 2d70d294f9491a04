#pragma once

#include "base/json.h"
#include "data/template_filters.h"

#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Whether a template's places may have filters: {question|strip}. Without, "|" is a letter of the
/// field's name like any other.
enum class TemplateFilters { kNone, kKnown };

/// Text with places for the fields of a JSON object: "Question: {question}\nAnswer:".
/// A place names a field, and with dots a field or list item inside it: {answer.text},
/// {choices.0}. A field whose own name has dots is found first. "{{" and "}}" stand for braces.
/// Filters change a field's value, from left to right (data/template_filters.h); a place without a
/// field, {|strip}, has those that change all the text before it.
class TextTemplate {
 public:
  /// Input error with the position for an unbalanced brace and an empty name; for a filter that is
  /// not known. `where` names the template in messages: "run.json: data.template.prompt".
  static TextTemplate parse(std::string_view text, const std::string& where,
                            TemplateFilters filters = TemplateFilters::kNone);

  /// Strings go in as they are, numbers as the row has them, true and false as JSON writes them.
  /// Input errors, at `where` (file and line of the row): a missing field (names the row's fields
  /// and the nearest), null, an object or a list in place of a value, and a value that a filter
  /// cannot take.
  std::string render(const Json& row, const std::string& where) const;
  /// The texts of the list that a single place holds; of anything else the one text of render.
  /// Input errors as of render.
  std::vector<std::string> render_texts(const Json& row, const std::string& where) const;
  /// Whether a place names the row's field, or something inside it.
  bool reads(std::string_view field) const;
  /// The fields that the template names and the row lacks, each once.
  std::vector<std::string> missing_fields(const Json& row) const;

 private:
  struct Part {
    std::string text;  // or the field's name
    bool is_field = false;
    std::vector<TemplateFilter> filters = {};
  };
  static Part parse_place(std::string_view text, const std::string& where, TemplateFilters filters);
  Json value_of(const Part& part, const Json& row, const std::string& where) const;

  std::vector<Part> parts_;
};

}  // namespace expandft
