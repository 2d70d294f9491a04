#include "jinja/filters/attribute_path.h"
#include "jinja/filters/filters.h"
#include "jinja/text/python_string.h"
#include "jinja/values/arithmetic.h"
#include "jinja/values/attributes.h"
#include "jinja/values/comparison.h"
#include "jinja/values/parameters.h"
#include "jinja/values/printing.h"
#include "jinja/values/slices.h"

#include <algorithm>

namespace expandft::jinja {
namespace {

Value length_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "length", std::move(given), {}, 0);
  const std::optional<std::int64_t> length = runtime.length(value);
  if (!length) {
    runtime.fail(std::string("object of type '") + type_name(value) + "' has no len()",
                 value.is(ValueKind::kIterator) ? "make a list of it first: |list|length" : "");
  }
  if (value.is_string()) runtime.step(static_cast<std::int64_t>(value.text().size() / 256));
  return Value::integer(*length);
}

Value first_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "first", std::move(given), {}, 0);
  const std::optional<Value> first = runtime.iterate(value)();
  return first ? *first : undefined("no first item, the sequence was empty");
}

/// Python's reversed(): not of generators.
std::vector<Value> reversed_elements(Runtime& runtime, const Value& value, const char* filter) {
  if (value.is(ValueKind::kIterator) || value.is(ValueKind::kLoop) ||
      !runtime.length(value).has_value()) {
    runtime.fail(std::string(filter) + ": '" + type_name(value) + "' object is not reversible",
                 "make a list of it first: |list");
  }
  std::vector<Value> elements = runtime.elements(value);
  std::reverse(elements.begin(), elements.end());
  return elements;
}

Value last_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "last", std::move(given), {}, 0);
  const std::vector<Value> elements = reversed_elements(runtime, value, "last");
  return elements.empty() ? undefined("no last item, the sequence was empty") : elements[0];
}

Value reverse_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "reverse", std::move(given), {}, 0);
  if (value.is_string()) {
    return slice_of(runtime, value, Value::none(), Value::none(), Value::integer(-1));
  }
  if (value.is(ValueKind::kIterator)) {  // reversed() fails, and Jinja makes a list
    std::vector<Value> elements = runtime.elements(value);
    std::reverse(elements.begin(), elements.end());
    return runtime.list(std::move(elements));
  }
  const Value list = runtime.list(reversed_elements(runtime, value, "reverse"));
  return runtime.iterator(runtime.iterate(list), list.levels());
}

Value list_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "list", std::move(given), {}, 0);
  return runtime.list(runtime.elements(value));
}

Value items_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "items", std::move(given), {}, 0);
  if (value.is(ValueKind::kDict)) {
    const Value view = runtime.view(ViewKind::kItems, value);
    return runtime.iterator(runtime.iterate(view), view.levels());
  }
  const bool nothing = value.is_undefined();
  return runtime.iterator(
      [&runtime, nothing]() -> std::optional<Value> {
        if (nothing) return std::nullopt;
        runtime.fail("can only get item pairs from a mapping");
      },
      0);
}

Value join_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "join", std::move(given), {"d", "attribute"}, 0);
  const std::string separator =
      parameters.has(0) ? text_of(runtime, parameters.value(0)) : std::string();
  const AttributePath path(runtime, parameters.has(1) ? parameters.value(1) : Value::none());
  std::string joined;
  bool first = true;
  const Next next = runtime.iterate(value);
  while (const std::optional<Value> element = next()) {
    if (!first) {
      runtime.reserve(separator.size());
      joined += separator;
    }
    first = false;
    joined += text_of(runtime, path.of(runtime, *element));
  }
  return runtime.text(std::move(joined));
}

/// Sorts what `key` gives for each element; stable, also in reverse.
void sort_by(Runtime& runtime, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  runtime.reserve(keyed.size() * 2 * sizeof(Value));
  if (reverse) std::reverse(keyed.begin(), keyed.end());
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& left, const auto& right) {
    return order(runtime, left.first, right.first) < 0;
  });
  if (reverse) std::reverse(keyed.begin(), keyed.end());
}

Value dictsort_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "dictsort", std::move(given),
                              {"case_sensitive", "by", "reverse"}, 0);
  const std::string by = parameters.text(1).value_or("key");
  if (by != "key" && by != "value")
    runtime.fail("you can only sort by either \"key\" or \"value\"");
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (!value.is(ValueKind::kDict)) {
    runtime.fail(std::string("dictsort: expected a dict, not '") + type_name(value) + "'");
  }
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, element] : value.dict().items) {
    const Value& sorted_by = by == "key" ? key : element;
    keyed.emplace_back(parameters.flag(0, false) ? sorted_by : without_case(runtime, sorted_by),
                       runtime.tuple({key, element}));
  }
  sort_by(runtime, keyed, parameters.flag(2, false));
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return runtime.list(std::move(items));
}

Value sort_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "sort", std::move(given),
                              {"reverse", "case_sensitive", "attribute"}, 0);
  std::vector<AttributePath> paths;
  const Value attribute = parameters.has(2) ? parameters.value(2) : Value::none();
  if (attribute.is_string()) {
    for (const std::string_view path : split_at(attribute.text(), ",", -1, false)) {
      paths.emplace_back(runtime, string_value(std::string(path)));
    }
  } else {
    paths.emplace_back(runtime, attribute);
  }
  const bool with_case = parameters.flag(1, false);
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& element : runtime.elements(value)) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) {
      const Value key = path.of(runtime, element);
      keys.push_back(with_case ? key : without_case(runtime, key));
    }
    keyed.emplace_back(runtime.list(std::move(keys)), element);
  }
  sort_by(runtime, keyed, parameters.flag(0, false));
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return runtime.list(std::move(items));
}

template <bool greatest>
Value extreme_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, greatest ? "max" : "min", std::move(given),
                              {"case_sensitive", "attribute"}, 0);
  const AttributePath path(runtime, parameters.has(1) ? parameters.value(1) : Value::none());
  std::optional<Value> best, best_key;
  for (const Value& element : runtime.elements(value)) {
    Value key = path.of(runtime, element);
    if (!parameters.flag(0, false)) key = without_case(runtime, key);
    const bool better = !best || (greatest ? order(runtime, key, *best_key, ">") > 0
                                           : order(runtime, key, *best_key) < 0);
    if (!better) continue;
    best = element;
    best_key = key;
  }
  return best ? *best : undefined("no aggregated item, the sequence was empty");
}

Value sum_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "sum", std::move(given), {"attribute", "start"}, 0);
  const AttributePath path(runtime, parameters.has(0) ? parameters.value(0) : Value::none());
  Value total = parameters.has(1) ? parameters.value(1) : Value::integer(0);
  if (total.is_string()) runtime.fail("sum() can't sum strings");
  for (const Value& element : runtime.elements(value)) {
    total = calculate(runtime, Arithmetic::kAdd, total, path.of(runtime, element));
  }
  return total;
}

Value attr_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "attr", std::move(given), {"name"}, 1);
  if (value.is_undefined()) runtime.fail_undefined(value);
  // Attributes only: of data these are methods; of namespaces what was set.
  const std::string name = parameters.text(0).value_or("");
  if (value.is(ValueKind::kDict)) {
    const Value empty = runtime.dict({});
    const Value method = attribute(runtime, empty, name);
    if (method.is_undefined()) return method;
  }
  return attribute(runtime, value, name);
}

}  // namespace

const FilterTable& sequence_filters() {
  static const FilterTable kFilters = {
      {"length", length_filter}, {"count", length_filter},       {"first", first_filter},
      {"last", last_filter},     {"reverse", reverse_filter},    {"list", list_filter},
      {"items", items_filter},   {"join", join_filter},          {"dictsort", dictsort_filter},
      {"sort", sort_filter},     {"min", extreme_filter<false>}, {"max", extreme_filter<true>},
      {"sum", sum_filter},       {"attr", attr_filter},
  };
  return kFilters;
}

}  // namespace expandft::jinja
