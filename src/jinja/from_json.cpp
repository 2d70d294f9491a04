#include "jinja/from_json.h"

#include "base/numbers.h"

#include <charconv>
#include <cmath>

namespace expandft::jinja {
namespace {

Value written_value(Runtime& runtime, const std::string& text) {
  if (text.find_first_of(".eE") != text.npos) {
    const std::optional<double> number = parse_number(text);
    if (!number) runtime.fail("the number " + text + " is too large for a float");
    return Value::number(*number);
  }
  std::int64_t integer = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (result.ec != std::errc()) {
    runtime.fail("the integer " + text + " has more than 64 bits, which templates cannot use");
  }
  return Value::integer(integer);
}

}  // namespace

Value from_json(Runtime& runtime, const Json& json) {
  if (is_written_number(json)) return written_value(runtime, *scalar_text(json));
  switch (json.type()) {
    case Json::value_t::null:
      return Value::none();
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<std::int64_t>());
    case Json::value_t::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number > static_cast<std::uint64_t>(INT64_MAX)) {
        return written_value(runtime, std::to_string(number));
      }
      return Value::integer(static_cast<std::int64_t>(number));
    }
    case Json::value_t::number_float:
      return Value::number(json.get<double>());
    case Json::value_t::string:
      return runtime.text(json.get<std::string>());
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const Json& item : json) items.push_back(from_json(runtime, item));
      return runtime.list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> items;
      for (const auto& [key, value] : json.items()) {
        items.emplace_back(string_value(key), from_json(runtime, value));
      }
      return runtime.dict(std::move(items));
    }
    default:
      runtime.fail("the value is not JSON");
  }
}

}  // namespace expandft::jinja
