#pragma once

#include "base/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Typed fields of a model's config.json, or of an object inside it. A field that is null counts
/// as absent. Errors are input errors that name the field, what was found and what was expected.
class ConfigFields {
 public:
  ConfigFields(Json object, std::string where)
      : object_(std::move(object)), where_(std::move(where)) {}

  bool has(const char* key) const { return object_.contains(key) && !object_.at(key).is_null(); }
  /// Without a fallback the field must be there.
  std::int64_t integer(const char* key, std::optional<std::int64_t> fallback = {}) const;
  double number(const char* key, std::optional<double> fallback = {}) const;  // above 0, finite
  std::optional<double> optional_number(const char* key) const;
  bool boolean(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  /// A token id, or the first of a list of them.
  std::optional<std::int64_t> token(const char* key) const;
  std::vector<double> numbers(const char* key, std::size_t count) const;
  std::vector<std::string> texts(const char* key, std::size_t count) const;
  ConfigFields inside(const char* key) const;
  const Json& object() const { return object_; }
  const std::string& where() const { return where_; }

  [[noreturn]] void refuse(const char* key, const std::string& expected,
                           const std::string& hint = {}) const;

 private:
  const Json& list(const char* key, std::size_t count, const char* of) const;

  Json object_;
  std::string where_;
};

}  // namespace expandft
