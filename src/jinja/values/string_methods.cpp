#include "jinja/values/string_methods.h"

#include "base/python_text.h"
#include "base/utf8.h"
#include "jinja/text/python_string.h"
#include "jinja/values/arithmetic.h"
#include "jinja/values/formatting.h"
#include "jinja/values/parameters.h"
#include "jinja/values/printing.h"
#include "jinja/values/slices.h"

#include <algorithm>
#include <unordered_map>

namespace expandft::jinja {
namespace {

/// Markup stays markup.
Value like(Runtime& runtime, const Value& self, std::string text) {
  return runtime.text(std::move(text), self.is_markup());
}

Value parts_list(Runtime& runtime, const Value& self, const std::vector<std::string_view>& parts) {
  runtime.step(static_cast<std::int64_t>(parts.size()));
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(like(runtime, self, std::string(part)));
  return runtime.list(std::move(items));
}

Value strip_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"chars"}, 0, true);
  const std::optional<std::string> characters = parameters.text(0);
  const bool left = name != "rstrip", right = name != "lstrip";
  std::string_view text = self.text();
  if (characters) {
    text = strip_characters(text, *characters, left, right);
  } else {
    if (left) text = python_lstrip(text);
    if (right) text = python_rstrip(text);
  }
  return like(runtime, self, std::string(text));
}

Value split_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"sep", "maxsplit"}, 0);
  const std::optional<std::string> separator = parameters.text(0);
  if (separator && separator->empty()) runtime.fail("empty separator");
  return parts_list(runtime, self,
                    split_at(self.text(), separator, parameters.integer(1, -1), name == "rsplit"));
}

Value splitlines_method(Runtime& runtime, const Value& self, const std::string& name,
                        Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"keepends"}, 0);
  return parts_list(runtime, self, split_lines(self.text(), parameters.flag(0, false)));
}

Value partition_method(Runtime& runtime, const Value& self, const std::string& name,
                       Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"sep"}, 1, true);
  const std::string separator = parameters.text(0).value_or("");
  if (separator.empty()) runtime.fail("empty separator");
  const std::string& text = self.text();
  const bool from_right = name == "rpartition";
  const std::size_t at = from_right ? text.rfind(separator) : text.find(separator);
  const auto made = [&](std::string part) { return like(runtime, self, std::move(part)); };
  if (at == text.npos) {
    return from_right ? runtime.tuple({made(""), made(""), self})
                      : runtime.tuple({self, made(""), made("")});
  }
  return runtime.tuple(
      {made(text.substr(0, at)), made(separator), made(text.substr(at + separator.size()))});
}

Value replace_method(Runtime& runtime, const Value& self, const std::string& name,
                     Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"old", "new", "count"}, 2, true);
  if (!parameters.value(0).is_string() || !parameters.value(1).is_string()) {
    runtime.fail("replace() arguments must be str");
  }
  const std::string old = parameters.value(0).text();
  const std::string with =
      self.is_markup() ? escaped_text(runtime, parameters.value(1)) : parameters.value(1).text();
  const auto times = static_cast<std::size_t>(count_of(self.text(), old));
  runtime.reserve(self.text().size());
  if (with.size() > 0 && times > static_cast<std::size_t>(runtime.limits.bytes) / with.size()) {
    runtime.fail("the replaced text is larger than a rendering may make");
  }
  runtime.reserve(times * with.size());
  return like(runtime, self, replaced(self.text(), old, with, parameters.integer(2, -1)));
}

Value join_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"iterable"}, 1, true);
  std::string joined;
  bool first = true;
  for (const Value& element : runtime.elements(parameters.value(0))) {
    if (!element.is_string() && !self.is_markup()) {
      runtime.fail(std::string("sequence item: expected str instance, ") + type_name(element) +
                   " found");
    }
    const std::string part = self.is_markup() ? escaped_text(runtime, element) : element.text();
    runtime.reserve(part.size() + self.text().size());
    if (!first) joined += self.text();
    first = false;
    joined += part;
  }
  return like(runtime, self, std::move(joined));
}

Value case_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {}, 0, true);
  const std::string& text = self.text();
  return like(runtime, self,
              name == "lower"        ? python_lower(text)
              : name == "upper"      ? python_upper(text)
              : name == "title"      ? python_title(text)
              : name == "capitalize" ? python_capitalized(text)
                                     : python_swapcase(text));
}

Value remove_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"affix"}, 1, true);
  const std::string part = parameters.text(0).value_or("");
  std::string_view text = self.text();
  if (name == "removeprefix" && text.starts_with(part)) text.remove_prefix(part.size());
  if (name == "removesuffix" && text.ends_with(part)) text.remove_suffix(part.size());
  return like(runtime, self, std::string(text));
}

Value pad_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  const Parameters parameters(runtime, name, std::move(given), {"width", "fillchar"}, 1, true);
  const std::string fill = name == "zfill" ? "0" : parameters.text(1).value_or(" ");
  if (character_count(fill) != 1) {
    runtime.fail("the fill character must be exactly one character long");
  }
  std::string text = self.text();
  const auto length = static_cast<std::int64_t>(character_count(text));
  const std::int64_t width = parameters.integer(0, 0);
  if (width <= length) return self;
  if (width > runtime.limits.output) runtime.fail("the width is larger than a rendering may make");
  const auto missing = static_cast<std::size_t>(width - length);
  runtime.reserve(missing * fill.size());
  std::size_t left = 0;
  if (name == "rjust" || name == "zfill") left = missing;
  if (name == "center") left = missing / 2 + (missing & static_cast<std::size_t>(width) & 1);
  const auto padding = [&](std::size_t count) {
    std::string made;
    for (std::size_t i = 0; i < count; ++i) made += fill;
    return made;
  };
  std::string sign;
  if (name == "zfill" && (text.starts_with('-') || text.starts_with('+'))) {
    sign = text.substr(0, 1);
    text.erase(0, 1);
  }
  return like(runtime, self, sign + padding(left) + text + padding(missing - left));
}

Value format_method(Runtime& runtime, const Value& self, const std::string& name, Arguments given) {
  if (self.is_markup()) runtime.fail("format() of text that is marked safe is not supported");
  if (name == "format_map") runtime.fail("str.format_map() is not supported");
  return runtime.text(brace_format(runtime, self.text(), given));
}

[[noreturn]] Value unknown_method(Runtime& runtime, const Value&, const std::string& name,
                                  Arguments) {
  runtime.fail("str." + name + "() is not supported");
}

const StringMethods& string_changes() {
  static const StringMethods kMethods = {
      {"strip", strip_method},
      {"lstrip", strip_method},
      {"rstrip", strip_method},
      {"split", split_method},
      {"rsplit", split_method},
      {"splitlines", splitlines_method},
      {"partition", partition_method},
      {"rpartition", partition_method},
      {"replace", replace_method},
      {"join", join_method},
      {"lower", case_method},
      {"upper", case_method},
      {"title", case_method},
      {"capitalize", case_method},
      {"swapcase", case_method},
      {"removeprefix", remove_method},
      {"removesuffix", remove_method},
      {"ljust", pad_method},
      {"rjust", pad_method},
      {"center", pad_method},
      {"zfill", pad_method},
      {"format", format_method},
      {"format_map", format_method},
      {"casefold", unknown_method},
      {"encode", unknown_method},
      {"expandtabs", unknown_method},
      {"isidentifier", unknown_method},
      {"isprintable", unknown_method},
      {"istitle", unknown_method},
      {"maketrans", unknown_method},
      {"translate", unknown_method},
  };
  return kMethods;
}

}  // namespace

std::optional<Value> string_method(const Value& text, std::string_view name) {
  const auto known_change = string_changes().find(name);
  const bool changes = known_change != string_changes().end();
  const auto known_question = string_questions().find(name);
  if (!changes && known_question == string_questions().end()) return std::nullopt;
  const StringMethod method = changes ? known_change->second : known_question->second;
  const std::string known(name);
  return function_value(known, [text, known, method](Runtime& runtime, Arguments arguments) {
    return method(runtime, text, known, std::move(arguments));
  });
}

}  // namespace expandft::jinja
