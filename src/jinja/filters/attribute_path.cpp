#include "jinja/filters/attribute_path.h"

#include "base/python_text.h"
#include "jinja/text/python_string.h"
#include "jinja/values/attributes.h"

#include <charconv>

namespace expandft::jinja {

AttributePath::AttributePath(Runtime& runtime, const Value& path) {
  if (path.is_none()) return;
  if (!path.is_string()) {
    parts_.push_back(path);
    return;
  }
  for (const std::string_view part : split_at(path.text(), ".", -1, false)) {
    std::int64_t index = 0;
    const auto result = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool digits = part.find_first_not_of("0123456789") == part.npos && !part.empty();
    if (digits && result.ec != std::errc()) runtime.fail("the index has more than 64 bits");
    parts_.push_back(digits ? Value::integer(index) : string_value(std::string(part)));
  }
}

Value AttributePath::of(Runtime& runtime, const Value& whole,
                        const std::optional<Value>& otherwise) const {
  Value value = whole;
  for (const Value& part : parts_) {
    value = element(runtime, value, part);
    if (otherwise && value.is_undefined()) value = *otherwise;
  }
  return value;
}

Value without_case(Runtime& runtime, const Value& value) {
  return value.is_string() ? runtime.text(python_lower(value.text())) : value;
}

}  // namespace expandft::jinja
