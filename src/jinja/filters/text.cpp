#include "base/python_text.h"
#include "base/utf8.h"
#include "jinja/filters/filters.h"
#include "jinja/filters/json_text.h"
#include "jinja/text/python_string.h"
#include "jinja/values/arithmetic.h"
#include "jinja/values/attributes.h"
#include "jinja/values/formatting.h"
#include "jinja/values/parameters.h"
#include "jinja/values/printing.h"
#include "jinja/values/string_methods.h"

#include <algorithm>

namespace expandft::jinja {
namespace {

/// Jinja's soft_str: text stays what it is, anything else becomes its text.
Value soft_text(Runtime& runtime, const Value& value) {
  return value.is_string() ? value : runtime.text(text_of(runtime, value));
}

/// A filter that is a method of str.
template <const char* method>
Value by_method(Runtime& runtime, const Value& value, Arguments given) {
  return runtime.call(*string_method(soft_text(runtime, value), method), std::move(given));
}
constexpr char kUpper[] = "upper", kLower[] = "lower", kCapitalize[] = "capitalize";

Value trim_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "trim", std::move(given), {"chars"}, 0);
  Arguments passed;
  if (parameters.has(0)) passed.positional.push_back(parameters.value(0));
  return runtime.call(*string_method(soft_text(runtime, value), "strip"), std::move(passed));
}

Value center_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "center", std::move(given), {"width"}, 0);
  return runtime.call(*string_method(soft_text(runtime, value), "center"),
                      {{Value::integer(parameters.integer(0, 80))}, {}});
}

Value string_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "string", std::move(given), {}, 0);
  return soft_text(runtime, value);
}

Value safe_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "safe", std::move(given), {}, 0);
  return runtime.text(text_of(runtime, value), true);
}

Value escape_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "escape", std::move(given), {}, 0);
  return runtime.text(escaped_text(runtime, value), true);
}

Value forceescape_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "forceescape", std::move(given), {}, 0);
  return runtime.text(escaped_text(runtime, string_value(text_of(runtime, value))), true);
}

/// Words begin after white space and opening brackets, and after '-'.
Value title_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "title", std::move(given), {}, 0);
  std::string title, word;
  const auto end_word = [&] {
    if (word.empty()) return;
    const std::size_t first = character_length(word);
    title += python_upper(std::string_view(word).substr(0, first));
    title += python_lower(std::string_view(word).substr(first));
    word.clear();
  };
  const std::string text = text_of(runtime, value);
  for (const std::string_view character : characters_of(text)) {
    if (python_strip(character).empty() ||
        std::string_view("-({[<").find(character) != std::string_view::npos) {
      end_word();
      title += character;
    } else {
      word += character;
    }
  }
  end_word();
  return runtime.text(std::move(title));
}

Value replace_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "replace", std::move(given), {"old", "new", "count"}, 2);
  const auto part = [&](std::size_t index) {
    return runtime.text(text_of(runtime, parameters.value(index)));
  };
  Arguments passed{{part(0), part(1)}, {}};
  if (parameters.has(2) && !parameters.value(2).is_none()) {
    passed.positional.push_back(parameters.value(2));
  }
  const Value plain = runtime.text(text_of(runtime, value));
  return runtime.call(*string_method(plain, "replace"), std::move(passed));
}

Value format_filter(Runtime& runtime, const Value& value, Arguments given) {
  if (!given.positional.empty() && !given.keywords.empty()) {
    runtime.fail("can't handle positional and keyword arguments at the same time");
  }
  Value values;
  if (given.keywords.empty()) {
    values = runtime.tuple(std::move(given.positional));
  } else {
    std::vector<std::pair<Value, Value>> items;
    for (auto& [name, one] : given.keywords) items.emplace_back(string_value(name), one);
    values = runtime.dict(std::move(items));
  }
  const Value format = soft_text(runtime, value);
  return runtime.text(percent_format(runtime, format, values), format.is_markup());
}

Value indent_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "indent", std::move(given), {"width", "first", "blank"}, 0);
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (!value.is_string()) {
    runtime.fail(std::string("indent: expected a str, not '") + type_name(value) + "'");
  }
  const Value width = parameters.value(0);
  const std::string indent = width.is_string()
                                 ? width.text()
                                 : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(
                                                   parameters.integer(0, 4), 0, 4096)),
                                               ' ');
  const bool blank = parameters.flag(2, false);
  std::string result = parameters.flag(1, false) ? indent : "";
  const std::string text = value.text() + "\n";
  bool first = true;
  for (const std::string_view line : split_lines(text, false)) {
    runtime.reserve(line.size() + indent.size() + 1);
    if (!first) result += '\n';
    if (!first && (blank || !line.empty())) result += indent;
    first = false;
    result += line;
  }
  return runtime.text(std::move(result), value.is_markup());
}

Value truncate_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "truncate", std::move(given),
                              {"length", "killwords", "end", "leeway"}, 0);
  const std::string end = parameters.text(2).value_or("...");
  const std::int64_t length = parameters.integer(0, 255);
  const bool no_leeway = !parameters.has(3) || parameters.value(3).is_none();
  const std::int64_t leeway = no_leeway ? 5 : parameters.integer(3, 5);
  const std::int64_t kept = length - static_cast<std::int64_t>(character_count(end));
  if (kept < 0 || leeway < 0) runtime.fail("truncate: the length or the leeway is too small");
  const std::optional<std::int64_t> size = runtime.length(value);
  if (size && *size - leeway <= length) return value;
  if (!value.is_string()) {
    runtime.fail(std::string("truncate: expected a str, not '") + type_name(value) + "'");
  }
  const std::string_view text = value.text();
  std::string_view cut = text.substr(0, byte_of(text, kept));
  if (!parameters.flag(1, false)) cut = cut.substr(0, cut.rfind(' '));
  const std::string shown = value.is_markup() ? escaped_text(runtime, string_value(end)) : end;
  return runtime.text(std::string(cut) + shown, value.is_markup());
}

Value wordcount_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "wordcount", std::move(given), {}, 0);
  const std::string text = text_of(runtime, value);
  std::int64_t count = 0;
  bool in_word = false;
  for (const std::string_view character : characters_of(text)) {
    const bool letter = character == "_" || consists_of(character, CharacterClass::kAlnum);
    if (letter && !in_word) ++count;
    in_word = letter;
  }
  return Value::integer(count);
}

/// json.dumps' indent: None, a number of spaces, or a text.
std::optional<std::string> json_indent(Runtime& runtime, const Value& indent) {
  if (indent.is_none()) return std::nullopt;
  if (indent.is_string()) return indent.text();
  if (!indent.is_int()) {
    runtime.fail(std::string("tojson: the indent must be an int or a str, not '") +
                 type_name(indent) + "'");
  }
  return std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(indent.as_int(), 0, 4096)),
                     ' ');
}

Value tojson_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "tojson", std::move(given),
                              {"ensure_ascii", "indent", "separators", "sort_keys"}, 0);
  JsonStyle style;
  style.ascii = parameters.flag(0, false);
  style.sorts_keys = parameters.flag(3, false);
  if (parameters.has(1)) style.indent = json_indent(runtime, parameters.value(1));
  if (style.indent) style.item_separator = ",";
  const Value separators = parameters.has(2) ? parameters.value(2) : Value::none();
  if (!separators.is_none()) {
    const std::vector<Value> pair = runtime.elements(separators);
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      runtime.fail("tojson: the separators must be two texts");
    }
    style.item_separator = pair[0].text();
    style.key_separator = pair[1].text();
  }
  return runtime.text(json_text(runtime, value, style));
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable kFilters = {
      {"upper", by_method<kUpper>},
      {"lower", by_method<kLower>},
      {"capitalize", by_method<kCapitalize>},
      {"trim", trim_filter},
      {"center", center_filter},
      {"string", string_filter},
      {"safe", safe_filter},
      {"e", escape_filter},
      {"escape", escape_filter},
      {"forceescape", forceescape_filter},
      {"title", title_filter},
      {"replace", replace_filter},
      {"format", format_filter},
      {"indent", indent_filter},
      {"truncate", truncate_filter},
      {"wordcount", wordcount_filter},
      {"tojson", tojson_filter},
  };
  return kFilters;
}

}  // namespace expandft::jinja
