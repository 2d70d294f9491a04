#include "jinja/values/collection_methods.h"

#include "jinja/values/comparison.h"
#include "jinja/values/parameters.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace expandft::jinja {
namespace {

template <std::size_t count>
bool is_one_of(std::string_view name, const std::array<std::string_view, count>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value unsafe_method(const Value& value, std::string_view name) {
  return undefined("access to attribute '" + std::string(name) + "' of '" + type_name(value) +
                   "' object is unsafe: templates cannot change lists and dicts");
}

Value unsupported_method(const Value& value, std::string_view name) {
  const std::string known = std::string(type_name(value)) + "." + std::string(name);
  return function_value(std::string(name), [known](Runtime& runtime, Arguments) -> Value {
    runtime.fail(known + "() is not supported");
  });
}

Value view_method(const Value& dict, std::string_view name, ViewKind kind) {
  return function_value(std::string(name), [dict, kind](Runtime& runtime, Arguments given) {
    const Parameters parameters(runtime, "dict method", std::move(given), {}, 0);
    return runtime.view(kind, dict);
  });
}

}  // namespace

std::optional<Value> dict_method(Runtime&, const Value& dict, std::string_view name) {
  if (name == "items") return view_method(dict, name, ViewKind::kItems);
  if (name == "keys") return view_method(dict, name, ViewKind::kKeys);
  if (name == "values") return view_method(dict, name, ViewKind::kValues);
  if (name == "get") {
    return function_value("get", [dict](Runtime& runtime, Arguments given) {
      const Parameters parameters(runtime, "get", std::move(given), {"key", "default"}, 1, true);
      const Value key = parameters.value(0);
      if (!is_hashable(key)) {
        runtime.fail(std::string("unhashable type: '") + type_name(key) + "'");
      }
      if (const Value* const found = dict.dict().find(key)) return *found;
      return parameters.has(1) ? parameters.value(1) : Value::none();
    });
  }
  if (name == "copy") {
    return function_value("copy", [dict](Runtime& runtime, Arguments given) {
      const Parameters parameters(runtime, "copy", std::move(given), {}, 0);
      return runtime.dict(dict.dict().items);
    });
  }
  constexpr std::array<std::string_view, 5> kUnsafe = {"clear", "pop", "popitem", "setdefault",
                                                       "update"};
  if (is_one_of(name, kUnsafe)) return unsafe_method(dict, name);
  if (name == "fromkeys") return unsupported_method(dict, name);
  return std::nullopt;
}

std::optional<Value> sequence_method(Runtime&, const Value& items, std::string_view name) {
  if (name == "count") {
    return function_value("count", [items](Runtime& runtime, Arguments given) {
      const Parameters parameters(runtime, "count", std::move(given), {"value"}, 1, true);
      const Value wanted = parameters.value(0);
      return Value::integer(
          std::count_if(items.items().begin(), items.items().end(),
                        [&](const Value& item) { return equal(runtime, item, wanted); }));
    });
  }
  if (name == "index") {
    return function_value("index", [items](Runtime& runtime, Arguments given) {
      const Parameters parameters(runtime, "index", std::move(given), {"value", "start", "stop"}, 1,
                                  true);
      const auto size = static_cast<std::int64_t>(items.items().size());
      std::int64_t start = parameters.integer(1, 0), stop = parameters.integer(2, size);
      if (start < 0) start = std::max<std::int64_t>(0, start + size);
      if (stop < 0) stop = std::max<std::int64_t>(0, stop + size);
      for (std::int64_t i = start; i < std::min(stop, size); ++i) {
        if (equal(runtime, items.items()[static_cast<std::size_t>(i)], parameters.value(0))) {
          return Value::integer(i);
        }
      }
      runtime.fail("the value is not in the list");
    });
  }
  if (items.is(ValueKind::kTuple)) return std::nullopt;
  if (name == "copy") {
    return function_value("copy", [items](Runtime& runtime, Arguments given) {
      const Parameters parameters(runtime, "copy", std::move(given), {}, 0);
      return runtime.list(items.items());
    });
  }
  constexpr std::array<std::string_view, 8> kUnsafe = {"append", "clear", "pop",    "reverse",
                                                       "insert", "sort",  "extend", "remove"};
  return is_one_of(name, kUnsafe) ? std::optional(unsafe_method(items, name)) : std::nullopt;
}

std::optional<Value> number_attribute(Runtime& runtime, const Value& number,
                                      std::string_view name) {
  const bool is_int = number.is_int();
  if (name == "real") return is_int ? Value::integer(number.as_int()) : number;
  if (name == "imag") return is_int ? Value::integer(0) : Value::number(0);
  if (is_int && name == "numerator") return Value::integer(number.as_int());
  if (is_int && name == "denominator") return Value::integer(1);
  if (!is_int && name == "is_integer") {
    const double value = number.as_double();
    return function_value("is_integer", [value](Runtime&, Arguments) {
      return Value::boolean(std::isfinite(value) && std::floor(value) == value);
    });
  }
  (void)runtime;
  constexpr std::array<std::string_view, 5> kOfInts = {"bit_length", "bit_count", "conjugate",
                                                       "to_bytes", "from_bytes"};
  constexpr std::array<std::string_view, 4> kOfFloats = {"conjugate", "hex", "fromhex",
                                                         "as_integer_ratio"};
  if ((is_int && (is_one_of(name, kOfInts) || name == "as_integer_ratio")) ||
      (!is_int && is_one_of(name, kOfFloats))) {
    return unsupported_method(number, name);
  }
  return std::nullopt;
}

std::optional<Value> range_attribute(Runtime&, const Value& range, std::string_view name) {
  if (name == "start") return Value::integer(range.range().start);
  if (name == "stop") return Value::integer(range.range().stop);
  if (name == "step") return Value::integer(range.range().step);
  if (name == "count" || name == "index") return unsupported_method(range, name);
  return std::nullopt;
}

std::optional<Value> function_attribute(Runtime& runtime, const Value& function,
                                        std::string_view name) {
  if (function.function().name == "dict" && name == "fromkeys") {
    return unsupported_method(function, name);
  }
  if (function.function().shown.empty()) return std::nullopt;  // not a macro
  if (name == "name") return string_value(function.function().name);
  constexpr std::array<std::string_view, 5> kOfMacros = {
      "arguments", "catch_kwargs", "catch_varargs", "caller", "explicit_caller"};
  if (is_one_of(name, kOfMacros)) {
    runtime.fail("the attribute " + std::string(name) + " of a macro is not supported");
  }
  return std::nullopt;
}

}  // namespace expandft::jinja
