#include "jinja/values/comparison.h"

#include <algorithm>

namespace expandft::jinja {
namespace {

std::partial_ordering number_order(const Value& left, const Value& right) {
  if (left.is_int() && right.is_int()) return left.as_int() <=> right.as_int();
  // long double holds every 64-bit integer and every double.
  const auto exact = [](const Value& value) {
    return value.is_int() ? static_cast<long double>(value.as_int())
                          : static_cast<long double>(value.as_double());
  };
  return exact(left) <=> exact(right);
}

bool equal_ranges(const IntegerRange& left, const IntegerRange& right) {
  const std::int64_t size = left.size();
  if (size != right.size()) return false;
  return size == 0 || (left.start == right.start && (size == 1 || left.step == right.step));
}

/// `runtime` counts the steps; without one (keys) values are small.
bool equal_values(Runtime* runtime, const Value& left, const Value& right) {
  if (runtime != nullptr) runtime->step();
  if (left.is_number() && right.is_number()) return number_order(left, right) == 0;
  if (left.kind() != right.kind()) return false;
  const auto all_equal = [&](const auto& items, const auto& others) {
    return std::equal(
        items.begin(), items.end(), others.begin(), others.end(),
        [&](const Value& one, const Value& other) { return equal_values(runtime, one, other); });
  };
  switch (left.kind()) {
    case ValueKind::kUndefined:
    case ValueKind::kNone:
      return true;
    case ValueKind::kString:
      return left.text() == right.text();
    case ValueKind::kList:
    case ValueKind::kTuple:
      return left.heap() == right.heap() || all_equal(left.items(), right.items());
    case ValueKind::kDict: {
      const auto& items = left.dict().items;
      if (items.size() != right.dict().items.size()) return false;
      return std::all_of(items.begin(), items.end(), [&](const auto& item) {
        const Value* const found = right.dict().find(item.first);
        return found != nullptr && equal_values(runtime, item.second, *found);
      });
    }
    case ValueKind::kRange:
      return equal_ranges(left.range(), right.range());
    default:
      return left.heap() == right.heap();
  }
}

[[noreturn]] void fail_order(const Runtime& runtime, const Value& left, const Value& right,
                             const char* sign) {
  runtime.fail(std::string("'") + sign + "' not supported between instances of '" +
               type_name(left) + "' and '" + type_name(right) + "'");
}

}  // namespace

bool equal(Runtime& runtime, const Value& left, const Value& right) {
  if (left.is(ValueKind::kView) && right.is(ValueKind::kView) && left.heap() != right.heap() &&
      left.view().kind != ViewKind::kValues && right.view().kind != ViewKind::kValues) {
    const std::vector<Value> items = runtime.elements(left), others = runtime.elements(right);
    return items.size() == others.size() &&
           std::all_of(items.begin(), items.end(), [&](const Value& item) {
             return std::any_of(others.begin(), others.end(), [&](const Value& other) {
               return equal_values(&runtime, item, other);
             });
           });
  }
  return equal_values(&runtime, left, right);
}

bool equal_keys(const Value& left, const Value& right) {
  return equal_values(nullptr, left, right);
}

std::partial_ordering order(Runtime& runtime, const Value& left, const Value& right,
                            const char* sign) {
  runtime.step();
  if (left.is_undefined()) runtime.fail_undefined(left);
  if (right.is_undefined()) runtime.fail_undefined(right);
  if (left.is_number() && right.is_number()) return number_order(left, right);
  // Bytes of UTF-8 are ordered as characters are.
  if (left.is_string() && right.is_string()) return left.text().compare(right.text()) <=> 0;
  if (!left.is_sequence() || left.kind() != right.kind()) fail_order(runtime, left, right, sign);
  const auto &items = left.items(), &others = right.items();
  for (std::size_t i = 0; i < std::min(items.size(), others.size()); ++i) {
    if (!equal(runtime, items[i], others[i])) return order(runtime, items[i], others[i], sign);
  }
  return items.size() <=> others.size();
}

bool contains(Runtime& runtime, const Value& container, const Value& member) {
  switch (container.kind()) {
    case ValueKind::kString:
      if (!member.is_string()) {
        runtime.fail(std::string("'in <string>' requires string as left operand, not ") +
                     type_name(member));
      }
      runtime.step(1 + static_cast<std::int64_t>(container.text().size() / 64));
      return container.text().find(member.text()) != std::string::npos;
    case ValueKind::kDict:
      if (!is_hashable(member)) {
        runtime.fail(std::string("unhashable type: '") + type_name(member) + "'");
      }
      return container.dict().find(member) != nullptr;
    default:
      break;
  }
  if (container.is(ValueKind::kView) && container.view().kind == ViewKind::kKeys &&
      !is_hashable(member)) {
    runtime.fail(std::string("unhashable type: '") + type_name(member) + "'");
  }
  const Next next = runtime.iterate(container);
  while (const std::optional<Value> element = next()) {
    const bool same = element->heap() != nullptr && element->heap() == member.heap();
    if (same || equal(runtime, *element, member)) return true;
  }
  return false;
}

}  // namespace expandft::jinja
