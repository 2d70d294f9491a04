#pragma once

#include "jinja/values/runtime.h"

#include <optional>
#include <vector>

namespace expandft::jinja {

/// What filters read of each element: "name", "a.b.0", a number; None is the element itself.
class AttributePath {
 public:
  AttributePath(Runtime& runtime, const Value& path);
  /// With `otherwise`, that for each undefined part.
  Value of(Runtime& runtime, const Value& element,
           const std::optional<Value>& otherwise = std::nullopt) const;

 private:
  std::vector<Value> parts_;
};

/// Texts in lower case, other values as they are: what comparisons without case compare.
Value without_case(Runtime& runtime, const Value& value);

}  // namespace expandft::jinja
