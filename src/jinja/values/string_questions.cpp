#include "base/utf8.h"
#include "jinja/text/python_string.h"
#include "jinja/values/parameters.h"
#include "jinja/values/string_methods.h"

#include <algorithm>
#include <optional>

namespace expandft::jinja {
namespace {

/// The characters that the optional arguments `first` and `first + 1` select, as bytes; nothing if
/// the start lies beyond the text.
std::optional<std::string_view> selected(const Value& self, const Parameters& parameters,
                                         std::size_t first, std::size_t& offset) {
  const std::string_view text = self.text();
  const auto bound = [&](std::size_t index, std::int64_t otherwise) {
    return parameters.has(index) && !parameters.value(index).is_none()
               ? parameters.integer(index, otherwise)
               : otherwise;
  };
  offset = 0;
  std::int64_t start = bound(first, 0), stop = bound(first + 1, INT64_MAX);
  if (start == 0 && stop == INT64_MAX) return text;
  const auto length = static_cast<std::int64_t>(character_count(text));
  if (start < 0) start = std::max<std::int64_t>(0, start + length);
  if (stop < 0) stop = std::max<std::int64_t>(0, stop + length);
  if (start > length) return std::nullopt;
  offset = static_cast<std::size_t>(start);
  const std::size_t begin = byte_of(text, start), end = byte_of(text, stop);
  return end < begin ? std::nullopt : std::optional(text.substr(begin, end - begin));
}

Value starts_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"prefix", "start", "end"}, 1, true);
  std::size_t offset = 0;
  const std::optional<std::string_view> text = selected(self, parameters, 1, offset);
  const auto matches = [&](const Value& part) {
    if (!part.is_string()) {
      runtime.fail(name + " first arg must be str or a tuple of str, not " + type_name(part));
    }
    return text &&
           (name == "startswith" ? text->starts_with(part.text()) : text->ends_with(part.text()));
  };
  const Value part = parameters.value(0);
  if (!part.is(ValueKind::kTuple)) return Value::boolean(matches(part));
  return Value::boolean(std::any_of(part.items().begin(), part.items().end(), matches));
}

Value find_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"sub", "start", "end"}, 1, true);
  const std::string part = parameters.text(0).value_or("");
  if (parameters.value(0).is_none()) runtime.fail("must be str, not NoneType");
  std::size_t offset = 0;
  const std::optional<std::string_view> text = selected(self, parameters, 1, offset);
  if (name == "count") return Value::integer(text ? count_of(*text, part) : 0);
  const bool from_right = name.starts_with('r');
  const std::size_t at = !text        ? std::string::npos
                         : from_right ? text->rfind(part)
                                      : text->find(part);
  if (at != std::string::npos) {
    return Value::integer(static_cast<std::int64_t>(offset + character_count(text->substr(0, at))));
  }
  if (name.ends_with("index")) runtime.fail("substring not found");
  return Value::integer(-1);
}

Value is_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {}, 0, true);
  const std::string& text = self.text();
  const auto is = [&](CharacterClass characters) {
    return Value::boolean(consists_of(text, characters));
  };
  if (name == "islower") return Value::boolean(python_is_lower(text));
  if (name == "isupper") return Value::boolean(python_is_upper(text));
  if (name == "isascii") {
    return Value::boolean(std::all_of(text.begin(), text.end(),
                                      [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  }
  if (name == "isalpha") return is(CharacterClass::kAlpha);
  if (name == "isdigit") return is(CharacterClass::kDigit);
  if (name == "isdecimal") return is(CharacterClass::kDecimal);
  if (name == "isnumeric") return is(CharacterClass::kNumeric);
  if (name == "isspace") return is(CharacterClass::kSpace);
  return is(CharacterClass::kAlnum);
}

}  // namespace

const StringMethods& string_questions() {
  static const StringMethods kMethods = {
      {"startswith", starts_method}, {"endswith", starts_method}, {"find", find_method},
      {"rfind", find_method},        {"index", find_method},      {"rindex", find_method},
      {"count", find_method},        {"islower", is_method},      {"isupper", is_method},
      {"isascii", is_method},        {"isalpha", is_method},      {"isdigit", is_method},
      {"isdecimal", is_method},      {"isnumeric", is_method},    {"isspace", is_method},
      {"isalnum", is_method},
  };
  return kMethods;
}

}  // namespace expandft::jinja
