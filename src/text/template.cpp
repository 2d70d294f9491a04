#include "text/template.h"

#include "base/error.h"

namespace expandft {
namespace {

std::vector<std::string> field_names(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

[[noreturn]] void missing(const std::string& name, const std::string& part, const Json& parent,
                          const std::string& where) {
  std::string found;
  if (parent.is_array()) {
    found = "a list of " + std::to_string(parent.size()) + " items";
  } else if (parent.is_object()) {
    for (const std::string& field : field_names(parent)) {
      found += (found.empty() ? "" : ", ") + field;
    }
    if (found.empty()) found = "no fields";
  } else {
    found = std::string("a ") + parent.type_name();
  }
  const std::string near = parent.is_object() ? nearest(part, field_names(parent)) : "";
  throw input_error(
      "the row has no field \"" + name + "\" that the template names; found: " + found, where,
      near.empty() ? "" : "did you mean \"" + near + "\"?");
}

const Json& find_field(const Json& row, const std::string& name, const std::string& where) {
  const Json* value = &row;
  std::size_t at = 0;
  while (true) {
    const std::string rest = name.substr(at);
    if (value->is_object() && value->contains(rest)) return (*value)[rest];
    const std::size_t dot = rest.find('.');
    const std::string part = rest.substr(0, dot);
    if (value->is_object() && value->contains(part)) {
      value = &(*value)[part];
    } else if (value->is_array() && !part.empty() && part.size() < 10 &&
               part.find_first_not_of("0123456789") == part.npos &&
               std::stoul(part) < value->size()) {
      value = &(*value)[std::stoul(part)];
    } else {
      missing(name, part, *value, where);
    }
    if (dot == rest.npos) return *value;
    at += dot + 1;
  }
}

}  // namespace

TextTemplate TextTemplate::parse(std::string_view text, const std::string& where) {
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
      parsed.parts_.push_back({std::string(text.substr(at + 1, end - at - 1)), true});
      at = end + 1;
    } else {
      literal += c;
      ++at;
    }
  }
  if (!literal.empty()) parsed.parts_.push_back({literal, false});
  return parsed;
}

std::string TextTemplate::render(const Json& row, const std::string& where) const {
  std::string text;
  for (const Part& part : parts_) {
    if (!part.is_field) {
      text += part.text;
      continue;
    }
    const Json& value = find_field(row, part.text, where);
    if (value.is_string()) {
      text += value.get_ref<const std::string&>();
    } else if (value.is_number() || value.is_boolean()) {
      text += value.dump();
    } else {
      throw input_error(
          "the field \"" + part.text + "\" is " +
              (value.is_null() ? "null" : std::string("an ") + value.type_name()) +
              ", expected a string, a number, true or false",
          where, value.is_structured() ? "name a value inside it: {" + part.text + ".…}" : "");
    }
  }
  return text;
}

}  // namespace expandft
