#include "jinja/values/attributes.h"
#include "jinja/values/format_spec.h"
#include "jinja/values/formatting.h"
#include "jinja/values/printing.h"

#include <charconv>

namespace expandft::jinja {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

class BraceFormat {
 public:
  BraceFormat(Runtime& runtime, const Arguments& arguments)
      : runtime_(runtime), arguments_(arguments) {}

  /// `depth`: fields within format specs are the second level, and the last.
  std::string run(std::string_view text, int depth) {
    std::string out;
    while (!text.empty()) {
      const std::size_t brace = text.find_first_of("{}");
      out += text.substr(0, brace);
      if (brace == text.npos) break;
      const char c = text[brace];
      text.remove_prefix(brace + 1);
      if (text.starts_with(c)) {
        out += c;
        text.remove_prefix(1);
      } else if (c == '}') {
        runtime_.fail("single '}' encountered in format string");
      } else {
        if (depth == 0) runtime_.fail("max string recursion exceeded in the format");
        const std::string made = field(text, depth);
        runtime_.reserve(made.size());
        out += made;
      }
    }
    return out;
  }

 private:
  /// Takes a field and its closing brace off the text.
  std::string field(std::string_view& text, int depth) {
    std::size_t end = 0;
    int open = 1;
    for (; end < text.size(); ++end) {
      if (text[end] == '[') {  // braces in an index do not count
        end = std::min(text.find(']', end), text.size() - 1);
        continue;
      }
      if (text[end] == '{') ++open;
      if (text[end] == '}' && --open == 0) break;
    }
    if (end >= text.size()) runtime_.fail("expected '}' before end of string");
    std::string_view inside = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::size_t name_end = std::min(inside.find_first_of("!:"), inside.size());
    Value value = named(inside.substr(0, name_end));
    inside.remove_prefix(name_end);
    if (inside.starts_with('!')) {
      const std::string_view conversion = inside.substr(1, 1);
      if (conversion != "r" && conversion != "s") {
        runtime_.fail("the conversion !" + std::string(conversion) + " is not supported");
      }
      value = string_value(conversion == "r" ? repr_of(runtime_, value) : text_of(runtime_, value));
      inside.remove_prefix(2);
      if (!inside.empty() && inside[0] != ':') {
        runtime_.fail("expected ':' after conversion specifier");
      }
    }
    if (inside.starts_with(':')) inside.remove_prefix(1);
    const std::string spec = run(inside, depth - 1);
    if (spec.empty()) return text_of(runtime_, value);
    return format_value(runtime_, value, parse_format_spec(runtime_, spec));
  }

  Value named(std::string_view name) {
    const std::size_t first_end = std::min(name.find_first_of(".["), name.size());
    const std::string_view first = name.substr(0, first_end);
    Value value = argument(first);
    name.remove_prefix(first_end);
    while (!name.empty()) {
      if (name[0] == '.') {
        const std::size_t end = std::min(name.find_first_of(".[", 1), name.size());
        if (end == 1) runtime_.fail("empty attribute in format string");
        value = attribute(runtime_, value, name.substr(1, end - 1));
        name.remove_prefix(end);
      } else {
        const std::size_t close = name.find(']');
        if (name[0] != '[' || close == name.npos || close == 1) {
          runtime_.fail("the format's field is not of the form name[index]");
        }
        const std::string_view key = name.substr(1, close - 1);
        value = element(
            runtime_, value,
            is_digits(key) ? Value::integer(index_of(key)) : string_value(std::string(key)));
        name.remove_prefix(close + 1);
      }
    }
    return value;
  }

  Value argument(std::string_view name) {
    if (name.empty() || is_digits(name)) {
      if ((name.empty() ? manual_ : automatic_ > 0)) {
        runtime_.fail("the format numbers some fields and not others");
      }
      std::int64_t index = 0;
      if (name.empty()) {
        index = automatic_++;
      } else {
        manual_ = true;
        index = index_of(name);
      }
      if (index >= static_cast<std::int64_t>(arguments_.positional.size())) {
        runtime_.fail("replacement index " + std::to_string(index) +
                      " out of range for positional args");
      }
      return arguments_.positional[static_cast<std::size_t>(index)];
    }
    for (const auto& [known, value] : arguments_.keywords) {
      if (known == name) return value;
    }
    runtime_.fail("the format's field '" + std::string(name) + "' is not an argument");
  }

  std::int64_t index_of(std::string_view digits) const {
    std::int64_t index = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (result.ec != std::errc()) runtime_.fail("the format's index is too large");
    return index;
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  std::int64_t automatic_ = 0;
  bool manual_ = false;
};

}  // namespace

std::string brace_format(Runtime& runtime, const std::string& format, const Arguments& arguments) {
  return BraceFormat(runtime, arguments).run(format, 2);
}

}  // namespace expandft::jinja
