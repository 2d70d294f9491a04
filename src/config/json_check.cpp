#include "config/json_check.h"

#include "base/utf8.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace expandft {
namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

bool is_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    return value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
  }
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  return std::abs(number) <= kExactIntegers && std::trunc(number) == number;
}

bool has_type(std::string_view type, const Json& value) {
  if (type == "integer") return is_integer(value);
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return type == "null" && value.is_null();
}

bool in_range(const Json& schema, const Json& value) {
  // nlohmann compares integers with integers exactly, and with floats as doubles.
  const auto holds = [&](const char* keyword, auto compare) {
    const auto bound = schema.find(keyword);
    return bound == schema.end() || compare(value, *bound);
  };
  return holds("minimum", [](const Json& v, const Json& b) { return v >= b; }) &&
         holds("maximum", [](const Json& v, const Json& b) { return v <= b; }) &&
         holds("exclusiveMinimum", [](const Json& v, const Json& b) { return v > b; }) &&
         holds("exclusiveMaximum", [](const Json& v, const Json& b) { return v < b; });
}

std::string describe_range(const Json& schema) {
  const auto text = [&](const char* keyword) { return schema.at(keyword).dump(); };
  const bool above = schema.contains("exclusiveMinimum"),
             below = schema.contains("exclusiveMaximum");
  const bool bounded = below || schema.contains("maximum");
  std::string out;
  if (above) out = " above " + text("exclusiveMinimum");
  if (schema.contains("minimum")) {
    out = bounded ? " from " + text("minimum") : ", " + text("minimum") + " or more";
  }
  if (bounded) {
    out += above ? ", at most " : below ? " to below " : " to ";
    out += text(below ? "exclusiveMaximum" : "maximum");
  }
  return out;
}

std::string describe_type(const std::string& type, const Json& schema) {
  if (type == "integer") return "an integer" + describe_range(schema);
  if (type == "number") return "a number" + describe_range(schema);
  if (type == "boolean") return "true or false";
  if (type == "array") return "a list of " + describe_schema(schema.value("items", Json::object()));
  if (type == "string") return "a string";
  return type;
}

}  // namespace

bool matches(const Json& schema, const Json& value) {
  if (const auto any = schema.find("anyOf"); any != schema.end()) {
    return std::any_of(any->begin(), any->end(),
                       [&](const Json& one) { return matches(one, value); });
  }
  if (const auto values = schema.find("enum"); values != schema.end()) {
    return std::find(values->begin(), values->end(), value) != values->end();
  }
  if (const auto type = schema.find("type"); type != schema.end()) {
    const bool fits =
        type->is_array()
            ? std::any_of(type->begin(), type->end(),
                          [&](const Json& one) { return has_type(one.get<std::string>(), value); })
            : has_type(type->get<std::string>(), value);
    if (!fits) return false;
  }
  if (value.is_number()) return in_range(schema, value);
  if (value.is_string()) {
    return value.get_ref<const std::string&>().size() >= schema.value("minLength", std::size_t{0});
  }
  if (value.is_array()) {
    if (value.size() < schema.value("minItems", std::size_t{0})) return false;
    const auto items = schema.find("items");
    return items == schema.end() || std::all_of(value.begin(), value.end(), [&](const Json& item) {
             return matches(*items, item);
           });
  }
  return true;
}

std::string describe_schema(const Json& schema) {
  std::string out;
  const auto add = [&](const std::string& alternative, const char* separator) {
    if (!out.empty()) out += separator;
    out += alternative;
  };
  if (schema.contains("anyOf")) {
    for (const Json& one : schema["anyOf"]) add(describe_schema(one), " or ");
  } else if (schema.contains("enum")) {
    for (const Json& one : schema["enum"]) add(one.dump(), ", ");
    if (schema["enum"].size() > 1) out = "one of " + out;
  } else if (schema.contains("type") && schema["type"].is_array()) {
    for (const Json& one : schema["type"]) add(describe_type(one, schema), " or ");
  } else if (schema.contains("type")) {
    out = describe_type(schema["type"], schema);
  }
  return out;
}

std::string shown(const Json& value) {
  constexpr std::size_t kLimit = 80;
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= kLimit ? text : std::string(cut_to_bytes(text, kLimit)) + "…";
}

std::int64_t to_integer(const Json& value) {
  return value.is_number_float() ? static_cast<std::int64_t>(value.get<double>())
                                 : value.get<std::int64_t>();
}

bool is_utf8(const std::string& text) {
  const Json string(text);
  try {
    static_cast<void>(string.dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

}  // namespace expandft
