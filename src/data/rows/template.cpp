#include "data/rows/template.h"

#include "base/error.h"
#include "base/numbers.h"
#include "base/wording.h"

#include <algorithm>

namespace expandft {
namespace {

[[noreturn]] void missing(const std::string& name, const std::string& part, const Json& parent,
                          const std::string& where) {
  std::string found;
  if (parent.is_array()) {
    found = "a list of " + std::to_string(parent.size()) + " items";
  } else if (parent.is_object()) {
    for (const std::string& field : member_names(parent)) {
      found += (found.empty() ? "" : ", ") + field;
    }
    if (found.empty()) found = "no fields";
  } else {
    found = std::string("a ") + json_type_name(parent);
  }
  const std::string near = parent.is_object() ? nearest(part, member_names(parent)) : "";
  // A name with "|" comes from a template without filters.
  const bool is_filter = name.find('|') != name.npos;
  throw input_error(
      "the row has no field \"" + name + "\" that the template names; found: " + found, where,
      is_filter      ? "filters ({field|strip}) are for the templates of tasks only"
      : near.empty() ? ""
                     : "did you mean \"" + near + "\"?");
}

struct FieldSearch {
  const Json* value;   // the field; null when it is missing
  const Json* parent;  // the value without such a part
  std::string part;    // the part of the name that is missing
};

FieldSearch search_field(const Json& row, const std::string& name) {
  const Json* value = &row;
  std::size_t at = 0;
  while (true) {
    const std::string rest = name.substr(at);
    if (value->is_object() && value->contains(rest)) return {&(*value)[rest], value, {}};
    const std::size_t dot = rest.find('.');
    const std::string part = rest.substr(0, dot);
    if (value->is_object() && value->contains(part)) {
      value = &(*value)[part];
    } else if (value->is_array() && !part.empty() && part.size() < 10 &&
               part.find_first_not_of("0123456789") == part.npos &&
               std::stoul(part) < value->size()) {
      value = &(*value)[std::stoul(part)];
    } else {
      return {nullptr, value, part};
    }
    if (dot == rest.npos) return {value, value, {}};
    at += dot + 1;
  }
}

const Json& find_field(const Json& row, const std::string& name, const std::string& where) {
  const FieldSearch found = search_field(row, name);
  if (found.value == nullptr) missing(name, found.part, *found.parent, where);
  return *found.value;
}

/// A value as text; `place` names it in messages.
std::string text_of(const Json& value, const std::string& name, const std::string& place,
                    const std::string& where) {
  if (auto text = scalar_text(value)) return *std::move(text);
  throw input_error(place + " is " +
                        (value.is_null() ? "null" : std::string("an ") + value.type_name()) +
                        ", expected a string, a number, true or false",
                    where, value.is_structured() ? "name a value inside it: {" + name + ".…}" : "");
}

std::string quoted_field(const std::string& name) {
  return "the field \"" + name + "\"";
}

}  // namespace

TextTemplate::Part TextTemplate::parse_place(std::string_view text, const std::string& where,
                                             const TextFilters* filters) {
  Part place{std::string(text), true};
  if (filters == nullptr) return place;
  std::size_t bar = text.find('|');
  place.text = text.substr(0, bar);
  while (bar != text.npos) {
    text.remove_prefix(bar + 1);
    bar = text.find('|');
    place.filters.push_back(TemplateFilter::parse(text.substr(0, bar), where, *filters));
  }
  return place;
}

TextTemplate TextTemplate::parse(std::string_view text, const std::string& where,
                                 const TextFilters* filters) {
  TextTemplate parsed;
  std::string literal;
  const auto unbalanced = [&](const std::string& what, std::size_t at) {
    return input_error(what + " at character " + std::to_string(at + 1) + " of the template \"" +
                           std::string(text) + "\"",
                       where, "write {field}; {{ and }} stand for braces themselves");
  };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const bool doubled = at + 1 < text.size() && text[at + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      literal += c;
      at += 2;
    } else if (c == '}') {
      throw unbalanced("found \"}\" without \"{\"", at);
    } else if (c == '{') {
      const std::size_t end = text.find_first_of("{}", at + 1);
      if (end == text.npos || text[end] == '{') throw unbalanced("found \"{\" without \"}\"", at);
      if (end == at + 1) throw unbalanced("found \"{}\" without a field's name", at);
      if (!literal.empty()) parsed.parts_.push_back({literal, false});
      literal.clear();
      parsed.parts_.push_back(parse_place(text.substr(at + 1, end - at - 1), where, filters));
      at = end + 1;
    } else {
      literal += c;
      ++at;
    }
  }
  if (!literal.empty()) parsed.parts_.push_back({literal, false});
  return parsed;
}

Json TextTemplate::value_of(const Part& part, const Json& row, const std::string& where) const {
  Json value = find_field(row, part.text, where);
  for (const TemplateFilter& filter : part.filters) {
    value = filter.apply(value, quoted_field(part.text), where);
  }
  return value;
}

std::string TextTemplate::render(const Json& row, const std::string& where) const {
  std::string text;
  for (const Part& part : parts_) {
    if (!part.is_field) {
      text += part.text;
    } else if (part.text.empty()) {  // its filters change the text so far
      Json value = text;
      for (const TemplateFilter& filter : part.filters) {
        value = filter.apply(value, "the text", where);
      }
      text = text_of(value, {}, "the text", where);
    } else {
      const std::string place = quoted_field(part.text);
      text += part.filters.empty()
                  ? text_of(find_field(row, part.text, where), part.text, place, where)
                  : text_of(value_of(part, row, where), part.text, place, where);
    }
  }
  return text;
}

std::vector<std::string> TextTemplate::render_texts(const Json& row,
                                                    const std::string& where) const {
  const bool is_place = parts_.size() == 1 && parts_[0].is_field && !parts_[0].text.empty();
  if (!is_place) return {render(row, where)};
  const Part& part = parts_[0];
  const Json value = value_of(part, row, where);
  if (!value.is_array()) return {text_of(value, part.text, quoted_field(part.text), where)};
  std::vector<std::string> texts;
  for (const Json& one : value) {
    const std::string name = part.text + "." + std::to_string(texts.size());
    texts.push_back(text_of(one, name, quoted_field(name), where));
  }
  return texts;
}

bool TextTemplate::reads(std::string_view field) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    const std::string_view name = part.text;
    return part.is_field && (name == field || name.substr(0, name.find('.')) == field);
  });
}

std::vector<std::string> TextTemplate::missing_fields(const Json& row) const {
  std::vector<std::string> missing;
  for (const Part& part : parts_) {
    if (!part.is_field || part.text.empty() || search_field(row, part.text).value != nullptr) {
      continue;
    }
    if (std::find(missing.begin(), missing.end(), part.text) == missing.end()) {
      missing.push_back(part.text);
    }
  }
  return missing;
}

}  // namespace expandft
