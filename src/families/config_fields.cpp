#include "families/config_fields.h"

#include "base/error.h"

#include <cmath>

namespace expandft {
namespace {

constexpr std::int64_t kMostInteger = std::int64_t{1} << 31;

}  // namespace

void ConfigFields::refuse(const char* key, const std::string& expected,
                          const std::string& hint) const {
  constexpr std::size_t kShown = 200;
  std::string found = object_.contains(key) ? object_.at(key).dump() : "nothing";
  if (found.size() > kShown) found = found.substr(0, kShown) + " …";
  throw input_error("field \"" + std::string(key) + "\" is " + found + "; expected " + expected,
                    where_, hint);
}

std::int64_t ConfigFields::integer(const char* key, std::optional<std::int64_t> fallback) const {
  if (!is_there(key) && fallback) return *fallback;
  if (!has(key) || !object_.at(key).is_number_integer()) refuse(key, "a positive integer");
  const auto value = object_.at(key).get<std::int64_t>();
  if (value < 1 || value > kMostInteger) refuse(key, "an integer from 1 to 2147483648");
  return value;
}

std::int64_t ConfigFields::whole_number(const char* key) const {
  if (!has(key) || !object_.at(key).is_number_integer()) refuse(key, "an integer, 0 or above");
  const auto value = object_.at(key).get<std::int64_t>();
  if (value < 0 || value > kMostInteger) refuse(key, "an integer from 0 to 2147483648");
  return value;
}

double ConfigFields::number(const char* key, std::optional<double> fallback) const {
  if (!is_there(key) && fallback) return *fallback;
  if (!has(key) || !object_.at(key).is_number()) refuse(key, "a positive number");
  const auto value = object_.at(key).get<double>();
  if (!(value > 0) || !std::isfinite(value)) refuse(key, "a positive number");
  return value;
}

std::optional<double> ConfigFields::optional_number(const char* key) const {
  return has(key) ? std::optional(number(key)) : std::nullopt;
}

std::optional<std::int64_t> ConfigFields::optional_integer(const char* key) const {
  return has(key) ? std::optional(integer(key)) : std::nullopt;
}

bool ConfigFields::boolean(const char* key, bool fallback) const {
  if (!is_there(key)) return fallback;
  if (!object_.at(key).is_boolean()) refuse(key, "true or false");
  return object_.at(key).get<bool>();
}

std::string ConfigFields::text(const char* key, const std::string& fallback) const {
  if (!is_there(key)) return fallback;
  if (!object_.at(key).is_string()) refuse(key, "a string");
  return object_.at(key).get<std::string>();
}

std::optional<std::int64_t> ConfigFields::token(const char* key) const {
  if (!has(key)) return {};
  const Json& value = object_.at(key);
  if (value.is_array() && value.empty()) return {};
  const Json& first = value.is_array() && !value.empty() ? value.front() : value;
  if (!first.is_number_integer() || first.get<std::int64_t>() < 0) {
    refuse(key, "a token id, 0 or above");
  }
  return first.get<std::int64_t>();
}

const Json& ConfigFields::list(const char* key, std::size_t count, const char* of) const {
  if (!has(key) || !object_.at(key).is_array() || object_.at(key).size() != count) {
    refuse(key, "a list of " + std::to_string(count) + " " + of);
  }
  return object_.at(key);
}

std::vector<double> ConfigFields::numbers(const char* key, std::size_t count) const {
  std::vector<double> out;
  for (const Json& item : list(key, count, "positive numbers")) {
    if (!item.is_number() || !(item.get<double>() > 0) || !std::isfinite(item.get<double>())) {
      refuse(key, "a list of " + std::to_string(count) + " positive numbers");
    }
    out.push_back(item.get<double>());
  }
  return out;
}

std::vector<std::string> ConfigFields::texts(const char* key, std::size_t count) const {
  std::vector<std::string> out;
  for (const Json& item : list(key, count, "strings")) {
    if (!item.is_string()) refuse(key, "a list of " + std::to_string(count) + " strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

ConfigFields ConfigFields::inside(const char* key) const {
  if (!has(key) || !object_.at(key).is_object()) refuse(key, "an object");
  return {object_.at(key), where_ + ", " + key};
}

std::vector<std::string> ConfigFields::unread() const {
  std::vector<std::string> names = member_names(object_);
  std::erase_if(names, [&](const std::string& name) { return asked_.contains(name); });
  return names;
}

}  // namespace expandft
