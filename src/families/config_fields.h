#pragma once

#include "base/json.h"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace expandft {

/// Typed access to the fields of a model's config.json, or of an object inside it. Remembers which
/// fields were read. A field that is null counts as absent in `has` and `optional_…`, and is an
/// error elsewhere. Errors are input errors that name the field, what was found and what was
/// expected.
class ConfigFields {
 public:
  ConfigFields(Json object, std::string where)
      : object_(std::move(object)), where_(std::move(where)) {}

  /// Whether the field exists and is not null.
  bool has(const char* key) const { return is_there(key) && !object_.at(key).is_null(); }
  bool is_null(const char* key) const { return is_there(key) && object_.at(key).is_null(); }
  /// Without a fallback the field is required.
  std::int64_t integer(const char* key, std::optional<std::int64_t> fallback = {}) const;
  std::int64_t whole_number(const char* key) const;                           // 0 or above
  double number(const char* key, std::optional<double> fallback = {}) const;  // above 0, finite
  std::optional<double> optional_number(const char* key) const;
  std::optional<std::int64_t> optional_integer(const char* key) const;
  bool boolean(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  /// A token id, or the first of a list of ids, which may be empty.
  std::optional<std::int64_t> token(const char* key) const;
  std::vector<double> numbers(const char* key, std::size_t count) const;
  std::vector<std::string> texts(const char* key, std::size_t count) const;
  ConfigFields inside(const char* key) const;
  /// The fields that were not read, in the order of the file.
  std::vector<std::string> unread() const;
  const Json& object() const { return object_; }
  const std::string& where() const { return where_; }

  [[noreturn]] void refuse(const char* key, const std::string& expected,
                           const std::string& hint = {}) const;

 private:
  bool is_there(const char* key) const {
    asked_.insert(key);
    return object_.contains(key);
  }
  const Json& list(const char* key, std::size_t count, const char* of) const;

  Json object_;
  std::string where_;
  mutable std::set<std::string> asked_;
};

}  // namespace expandft
