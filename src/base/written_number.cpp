#include "base/written_number.h"

namespace expandft {

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
