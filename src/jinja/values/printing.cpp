#include "jinja/values/printing.h"

#include "base/utf8.h"
#include "jinja/values/loop.h"

#include <charconv>
#include <cmath>
#include <iterator>

#include <utf8proc.h>

namespace expandft::jinja {
namespace {

void append_hex(std::string& out, char32_t code) {
  const int digits = code <= 0xFF ? 2 : code <= 0xFFFF ? 4 : 8;
  out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[(code >> shift) & 0xF];
  }
}

/// str.isprintable of one character.
bool is_printable(char32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return code == ' ';
    default:
      return true;
  }
}

std::string repr_text(std::string_view text) {
  const bool doubles = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = doubles ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    const std::string_view bytes = text.substr(0, next.length);
    text.remove_prefix(next.length);
    if (next.code == static_cast<char32_t>(quote) || next.code == '\\') {
      out += '\\';
      out += bytes;
    } else if (next.code == '\n' || next.code == '\r' || next.code == '\t') {
      out += next.code == '\n' ? "\\n" : next.code == '\r' ? "\\r" : "\\t";
    } else if (is_printable(next.code)) {
      out += bytes;
    } else {
      append_hex(out, next.code);
    }
  }
  return out + quote;
}

class Printer {
 public:
  explicit Printer(Runtime& runtime) : runtime_(runtime) {}

  void add(const Value& value) {
    runtime_.step();
    const std::size_t before = out.size();
    switch (value.kind()) {
      case ValueKind::kUndefined:
        out += "Undefined";
        break;
      case ValueKind::kNone:
        out += "None";
        break;
      case ValueKind::kBool:
        out += value.as_int() != 0 ? "True" : "False";
        break;
      case ValueKind::kInt:
        out += std::to_string(value.as_int());
        break;
      case ValueKind::kFloat:
        out += float_text(value.as_double());
        break;
      case ValueKind::kString:
        out +=
            value.is_markup() ? "Markup(" + repr_text(value.text()) + ")" : repr_text(value.text());
        break;
      case ValueKind::kList:
        add_items('[', value.items(), ']');
        return;
      case ValueKind::kTuple:
        add_items('(', value.items(), ')');
        if (value.items().size() == 1) out.insert(out.size() - 1, ",");
        return;
      case ValueKind::kDict:
        add_dict(value.dict());
        return;
      case ValueKind::kNamespace:
        if (++spaces_ > 50) runtime_.fail("the namespace contains itself");
        out += "<Namespace ";
        add_dict(value.dict());
        out += ">";
        --spaces_;
        return;
      case ValueKind::kRange:
        add_range(value.range());
        break;
      case ValueKind::kView:
        add_view(value);
        return;
      case ValueKind::kLoop:
        out += "<LoopContext " + std::to_string(value.loop().index0 + 1) + "/" +
               std::to_string(value.loop().length()) + ">";
        break;
      case ValueKind::kIterator:
        runtime_.fail("a generator has no text", "make a list of it: |list");
      case ValueKind::kFunction:
        if (value.function().shown.empty()) {
          runtime_.fail("the function " + value.function().name + " has no text",
                        "call it: " + value.function().name + "()");
        }
        out += value.function().shown;
        break;
    }
    runtime_.reserve(out.size() - before);
  }

  std::string out;

 private:
  void add_items(char open, const std::vector<Value>& items, char close) {
    out += open;
    bool first = true;
    for (const Value& item : items) {
      if (!first) out += ", ";
      first = false;
      add(item);
    }
    out += close;
  }

  void add_dict(const Dict& dict) {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : dict.items) {
      if (!first) out += ", ";
      first = false;
      add(key);
      out += ": ";
      add(value);
    }
    out += '}';
  }

  void add_range(const IntegerRange& range) {
    out += "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
    if (range.step != 1) out += ", " + std::to_string(range.step);
    out += ")";
  }

  void add_view(const Value& value) {
    const ViewKind kind = value.view().kind;
    out += kind == ViewKind::kKeys     ? "dict_keys("
           : kind == ViewKind::kValues ? "dict_values("
                                       : "dict_items(";
    add_items('[', runtime_.elements(value), ']');
    out += ")";
  }

  Runtime& runtime_;
  int spaces_ = 0;
};

}  // namespace

std::string repr_of(Runtime& runtime, const Value& value) {
  Printer printer(runtime);
  printer.add(value);
  return std::move(printer.out);
}

std::string text_of(Runtime& runtime, const Value& value) {
  if (value.is_string()) {
    runtime.reserve(value.text().size());
    return value.text();
  }
  return value.is_undefined() ? std::string() : repr_of(runtime, value);
}

std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char digits[40];
  const auto [end, error] =
      std::to_chars(std::begin(digits), std::end(digits), number, std::chars_format::scientific);
  if (error != std::errc()) return std::to_string(number);
  const std::string_view written(digits, static_cast<std::size_t>(end - digits));
  const std::size_t e = written.find('e');
  const int exponent = std::stoi(std::string(written.substr(e + 1)));
  if (exponent < -4 || exponent >= 16) return std::string(written);
  const auto [fixed_end, fixed_error] =
      std::to_chars(std::begin(digits), std::end(digits), number, std::chars_format::fixed);
  if (fixed_error != std::errc()) return std::to_string(number);
  std::string text(digits, fixed_end);
  if (text.find('.') == text.npos) text += ".0";
  return text;
}

}  // namespace expandft::jinja
