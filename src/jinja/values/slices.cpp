#include "jinja/values/slices.h"

#include "jinja/text/python_string.h"

#include <algorithm>

namespace expandft::jinja {
namespace {

/// Python's PySlice_AdjustIndices.
struct Bounds {
  std::int64_t start = 0, stop = 0, step = 1;

  std::int64_t count() const {
    if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
    return stop < start ? (start - stop - 1) / -step + 1 : 0;
  }
};

Bounds bounds_of(Runtime& runtime, std::int64_t size, const Value& start, const Value& stop,
                 const Value& step) {
  const auto given = [&](const Value& value, std::int64_t otherwise) {
    if (value.is_none()) return otherwise;
    if (!value.is_int()) {
      runtime.fail("slice indices must be integers or None, not " + std::string(type_name(value)));
    }
    return value.as_int();
  };
  Bounds bounds;
  bounds.step = std::max(given(step, 1), -INT64_MAX);
  if (bounds.step == 0) runtime.fail("slice step cannot be zero");
  const bool backwards = bounds.step < 0;
  const auto adjusted = [&](std::int64_t bound) {
    if (bound < 0) return std::max<std::int64_t>(bound + size, backwards ? -1 : 0);
    return std::min(bound, backwards ? size - 1 : size);
  };
  bounds.start = start.is_none() ? (backwards ? size - 1 : 0) : adjusted(given(start, 0));
  bounds.stop = stop.is_none() ? (backwards ? -1 : size) : adjusted(given(stop, 0));
  return bounds;
}

Value slice_of_range(Runtime& runtime, const IntegerRange& range, const Bounds& bounds) {
  auto slice = std::make_shared<IntegerRange>();
  const auto at = [&](std::int64_t index, std::int64_t& bound) {
    std::int64_t offset = 0;
    return __builtin_mul_overflow(index, range.step, &offset) ||
           __builtin_add_overflow(range.start, offset, &bound);
  };
  if (at(bounds.start, slice->start) || at(bounds.stop, slice->stop) ||
      __builtin_mul_overflow(range.step, bounds.step, &slice->step)) {
    runtime.fail("the slice of the range has bounds of more than 64 bits");
  }
  return Value::object(ValueKind::kRange, std::move(slice));
}

}  // namespace

Value slice_of(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
               const Value& step) {
  if (value.is_undefined()) runtime.fail_undefined(value);
  if (!value.is_string() && !value.is_sequence() && !value.is(ValueKind::kRange)) {
    runtime.fail(std::string("'") + type_name(value) + "' object has no slices");
  }
  const std::int64_t size = *runtime.length(value);
  const Bounds bounds = bounds_of(runtime, size, start, stop, step);
  const std::int64_t count = bounds.count();
  runtime.step(1 + count / 8);
  if (value.is(ValueKind::kRange)) {
    return slice_of_range(runtime, value.range(), bounds);
  }
  if (value.is_string()) {
    std::string text;
    if (bounds.step == 1) {
      const std::string_view all = value.text();
      const std::size_t begin = byte_of(all, bounds.start);
      text = all.substr(begin, byte_of(all.substr(begin), count));
    } else {
      const std::vector<std::string_view> characters = characters_of(value.text());
      for (std::int64_t i = 0; i < count; ++i) {
        text += characters[static_cast<std::size_t>(bounds.start + i * bounds.step)];
      }
    }
    return runtime.text(std::move(text), value.is_markup());
  }
  std::vector<Value> items;
  runtime.reserve(static_cast<std::size_t>(count) * sizeof(Value));
  for (std::int64_t i = 0; i < count; ++i) {
    items.push_back(value.items()[static_cast<std::size_t>(bounds.start + i * bounds.step)]);
  }
  return value.is(ValueKind::kList) ? runtime.list(std::move(items))
                                    : runtime.tuple(std::move(items));
}

}  // namespace expandft::jinja
