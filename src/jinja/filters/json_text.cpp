#include "jinja/filters/json_text.h"

#include "base/utf8.h"
#include "jinja/values/comparison.h"
#include "jinja/values/printing.h"

#include <algorithm>
#include <cmath>

namespace expandft::jinja {
namespace {

void append_unit(std::string& out, std::uint32_t unit) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += "0123456789abcdef"[(unit >> shift) & 0xF];
}

std::string json_number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return float_text(number);
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  void add(const Value& value) {
    runtime_.step();
    const std::size_t before = out.size();
    switch (value.kind()) {
      case ValueKind::kNone:
        out += "null";
        break;
      case ValueKind::kBool:
        out += value.as_int() != 0 ? "true" : "false";
        break;
      case ValueKind::kInt:
        out += std::to_string(value.as_int());
        break;
      case ValueKind::kFloat:
        out += json_number(value.as_double());
        break;
      case ValueKind::kString:
        add_string(value.text());
        break;
      case ValueKind::kList:
      case ValueKind::kTuple:
        add_list(value.items());
        return;
      case ValueKind::kDict:
        add_dict(value.dict());
        return;
      default:
        runtime_.fail(std::string("an object of type ") + type_name(value) +
                      " is not JSON serializable");
    }
    runtime_.reserve(out.size() - before);
  }

  std::string out;

 private:
  void add_string(std::string_view text) {
    out += '"';
    while (!text.empty()) {
      const Utf8Character next = decode_character(text);
      constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
      const std::size_t found = next.length == 1 ? kEscaped.find(text[0]) : std::string_view::npos;
      if (found != kEscaped.npos) {
        out += '\\';
        out += kLetters[found];
      } else if (next.code < 0x20 || (style_.ascii && next.code > 0x7E)) {
        add_escape(next.code);
      } else {
        out += text.substr(0, next.length);
      }
      text.remove_prefix(next.length);
    }
    out += '"';
  }

  void add_escape(char32_t code) {
    if (code <= 0xFFFF) {
      append_unit(out, code);
    } else {
      append_unit(out, 0xD800 + ((code - 0x10000) >> 10));
      append_unit(out, 0xDC00 + ((code - 0x10000) & 0x3FF));
    }
  }

  void begin_line() {
    if (!style_.indent) return;
    runtime_.reserve(1 + static_cast<std::size_t>(level_) * style_.indent->size());
    out += '\n';
    for (int i = 0; i < level_; ++i) out += *style_.indent;
  }

  void add_list(const std::vector<Value>& items) {
    out += '[';
    ++level_;
    bool first = true;
    for (const Value& item : items) {
      if (!first) out += style_.item_separator;
      first = false;
      begin_line();
      add(item);
    }
    --level_;
    if (!items.empty()) begin_line();
    out += ']';
  }

  void add_dict(const Dict& dict) {
    std::vector<std::pair<Value, Value>> items = dict.items;
    if (style_.sorts_keys) {
      std::stable_sort(items.begin(), items.end(), [&](const auto& left, const auto& right) {
        return order(runtime_, left.first, right.first) < 0;
      });
    }
    out += '{';
    ++level_;
    bool first = true;
    for (const auto& [key, value] : items) {
      if (!first) out += style_.item_separator;
      first = false;
      begin_line();
      add_key(key);
      out += style_.key_separator;
      add(value);
    }
    --level_;
    if (!items.empty()) begin_line();
    out += '}';
  }

  void add_key(const Value& key) {
    switch (key.kind()) {
      case ValueKind::kString:
        add_string(key.text());
        return;
      case ValueKind::kNone:
        out += "\"null\"";
        return;
      case ValueKind::kBool:
        out += key.as_int() != 0 ? "\"true\"" : "\"false\"";
        return;
      case ValueKind::kInt:
        out += "\"" + std::to_string(key.as_int()) + "\"";
        return;
      case ValueKind::kFloat:
        out += "\"" + json_number(key.as_double()) + "\"";
        return;
      default:
        runtime_.fail(std::string("keys must be str, int, float, bool or None, not ") +
                      type_name(key));
    }
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  int level_ = 0;
};

}  // namespace

std::string json_text(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonWriter writer(runtime, style);
  writer.add(value);
  return std::move(writer.out);
}

}  // namespace expandft::jinja
