#pragma once

#include "base/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// A value of a JSON file with its place in it. A value of the wrong type is an input error that
/// names the file and path ("model.vocab"), the expected type, and the value found.
class JsonNode {
 public:
  /// Keeps pointers to `value` and `file`.
  JsonNode(const Json& value, const std::string& file, std::string path = {})
      : value_(&value), file_(&file), path_(std::move(path)) {}

  const Json& value() const { return *value_; }
  bool is_null() const { return value_->is_null(); }
  /// "file: model.vocab".
  std::string where() const;

  /// The member; nothing when it is missing or null.
  std::optional<JsonNode> find(const char* key) const;
  JsonNode at(const char* key) const;
  std::vector<JsonNode> items() const;
  const std::string& text() const;
  bool flag() const;
  bool flag(const char* key, bool missing) const;
  std::int64_t integer(std::int64_t least, std::int64_t most) const;
  const Json& object() const;
  const Json& array() const;

  [[noreturn]] void wrong(const std::string& expected) const;
  /// An error about the member `key` of this object, without reading it.
  [[noreturn]] void wrong(std::string_view key, const Json& found,
                          const std::string& expected) const;
  /// "not supported: what": the file is valid, but this program does not support it.
  [[noreturn]] void unsupported(const std::string& what, const std::string& supported) const;

 private:
  std::string path_of(std::string_view key) const;

  const Json* value_;
  const std::string* file_;
  std::string path_;
};

}  // namespace expandft
