#include "base/numbers.h"

#include <charconv>
#include <cmath>
#include <iterator>

namespace expandft {

std::optional<double> parse_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::string shortest_text(double number) {
  char text[32];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), number);
  return error == std::errc() ? std::string(text, end) : std::to_string(number);
}

Json written_number(std::string_view text) {
  return Json::binary({text.begin(), text.end()});
}

bool is_written_number(const Json& value) {
  return value.is_binary();
}

std::optional<std::string> scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  if (!is_written_number(value)) return std::nullopt;
  const auto& bytes = value.get_binary();
  return std::string(bytes.begin(), bytes.end());
}

const char* json_type_name(const Json& value) {
  return is_written_number(value) ? "number" : value.type_name();
}

}  // namespace expandft
