#include "jinja/values/attributes.h"

#include "jinja/text/python_string.h"
#include "jinja/values/collection_methods.h"
#include "jinja/values/loop.h"
#include "jinja/values/printing.h"
#include "jinja/values/slices.h"
#include "jinja/values/string_methods.h"

#include <algorithm>
#include <array>

namespace expandft::jinja {
namespace {

/// Python's getattr, or nothing when there is no such attribute.
std::optional<Value> find_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  switch (value.kind()) {
    case ValueKind::kString:
      return string_method(value, name);
    case ValueKind::kList:
    case ValueKind::kTuple:
      return sequence_method(runtime, value, name);
    case ValueKind::kDict:
      return dict_method(runtime, value, name);
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kFloat:
      return number_attribute(runtime, value, name);
    case ValueKind::kNamespace: {
      const Value* const found = value.dict().find(name);
      return found == nullptr ? std::nullopt : std::optional(*found);
    }
    case ValueKind::kRange:
      return range_attribute(runtime, value, name);
    case ValueKind::kLoop:
      return loop_attribute(value, name);
    case ValueKind::kFunction:
      return function_attribute(runtime, value, name);
    case ValueKind::kView:
      if (name == "mapping" || name == "isdisjoint") {
        runtime.fail("the attribute " + std::string(name) + " of a dict's view is not supported");
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

/// Python's value[key], or nothing where it raises LookupError or TypeError.
std::optional<Value> find_element(Runtime& runtime, const Value& value, const Value& key) {
  switch (value.kind()) {
    case ValueKind::kDict: {
      if (!is_hashable(key)) return std::nullopt;
      const Value* const found = value.dict().find(key);
      return found == nullptr ? std::nullopt : std::optional(*found);
    }
    case ValueKind::kList:
    case ValueKind::kTuple: {
      if (!key.is_int()) return std::nullopt;
      const auto size = static_cast<std::int64_t>(value.items().size());
      const std::int64_t index = key.as_int() < 0 ? key.as_int() + size : key.as_int();
      if (index < 0 || index >= size) return std::nullopt;
      return value.items()[static_cast<std::size_t>(index)];
    }
    case ValueKind::kString: {
      if (!key.is_int()) return std::nullopt;
      const std::string_view text = value.text();
      runtime.step(static_cast<std::int64_t>(text.size() / 256));
      const std::int64_t size = *runtime.length(value);
      const std::int64_t index = key.as_int() < 0 ? key.as_int() + size : key.as_int();
      if (index < 0 || index >= size) return std::nullopt;
      const std::size_t begin = byte_of(text, index);
      return runtime.text(std::string(text.substr(begin, byte_of(text.substr(begin), 1))),
                          value.is_markup());
    }
    case ValueKind::kRange: {
      if (!key.is_int()) return std::nullopt;
      const std::int64_t size = value.range().size();
      const std::int64_t index = key.as_int() < 0 ? key.as_int() + size : key.as_int();
      if (index < 0 || index >= size) return std::nullopt;
      return Value::integer(value.range().at(index));
    }
    default:
      return std::nullopt;
  }
}

Value no_attribute(Runtime& runtime, const Value& value, const Value& key) {
  if (key.is_string()) {
    return undefined(std::string("'") + type_name(value) + " object' has no attribute '" +
                     key.text() + "'");
  }
  const bool shown = !key.is(ValueKind::kFunction) && !key.is(ValueKind::kIterator);
  return undefined(std::string(type_name(value)) + " object has no element " +
                   (shown ? repr_of(runtime, key) : type_name(key)));
}

}  // namespace

Value attribute(Runtime& runtime, const Value& value, std::string_view name) {
  runtime.step();
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (auto found = find_attribute(runtime, value, name)) return *found;
  const Value key = string_value(std::string(name));
  if (auto found = find_element(runtime, value, key)) return *found;
  return no_attribute(runtime, value, key);
}

Value element(Runtime& runtime, const Value& value, const Value& key) {
  runtime.step();
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (auto found = find_element(runtime, value, key)) return *found;
  if (key.is_string()) {
    if (auto found = find_attribute(runtime, value, key.text())) return *found;
  }
  return no_attribute(runtime, value, key);
}

}  // namespace expandft::jinja
