#pragma once

#include "jinja/values/runtime.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft::jinja {

/// The arguments of a call by their parameters, as Python binds them. Reading one is an input error
/// when its type is wrong; constructing it, when arguments are missing or too many, or a keyword is
/// unknown.
class Parameters {
 public:
  /// The first `required` of `names` must be given. `positional_only`: keywords are refused, as by
  /// most methods of str and dict.
  Parameters(Runtime& runtime, std::string function, Arguments arguments,
             std::initializer_list<const char*> names, std::size_t required,
             bool positional_only = false);

  bool has(std::size_t index) const { return values_[index].has_value(); }
  /// Undefined if it was not given.
  Value value(std::size_t index) const { return values_[index].value_or(Value()); }
  /// A str. std::nullopt if it was not given, or is None and may be.
  std::optional<std::string> text(std::size_t index) const;
  std::int64_t integer(std::size_t index, std::int64_t otherwise) const;
  bool flag(std::size_t index, bool otherwise) const;

 private:
  Runtime& runtime_;
  std::string function_;
  std::vector<const char*> names_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace expandft::jinja
