#pragma once

#include "jinja/values/runtime.h"

#include <optional>
#include <string>

namespace expandft::jinja {

struct JsonStyle {
  bool ascii = false;
  std::optional<std::string> indent;  // one level's
  std::string item_separator = ", ", key_separator = ": ";
  bool sorts_keys = false;
};

/// json.dumps of Python. Input error for what is not JSON: undefined values, generators, functions,
/// keys that are tuples.
std::string json_text(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace expandft::jinja
