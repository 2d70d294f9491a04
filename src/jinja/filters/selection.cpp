// Filters that choose among elements or map them. They read their elements when somebody asks, as
// Python's generators do.
#include "jinja/filters/attribute_path.h"
#include "jinja/filters/filters.h"
#include "jinja/values/comparison.h"
#include "jinja/values/parameters.h"

#include <algorithm>
#include <memory>

namespace expandft::jinja {
namespace {

Value default_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "default", std::move(given), {"default_value", "boolean"},
                              0);
  const bool replaces = value.is_undefined() || (parameters.flag(1, false) && !truth(value));
  if (!replaces) return value;
  return parameters.has(0) ? parameters.value(0) : runtime.text("");
}

/// A generator over `value` that begins when its first element is read: `begin` makes the function
/// that gives the elements. As in Jinja nothing is checked before.
Value generated(Runtime& runtime, const Value& value, std::function<Next(const Next&)> begin) {
  struct State {
    Next next;
    bool has_begun = false;
  };
  const auto state = std::make_shared<State>();
  return runtime.iterator(
      [&runtime, value, begin, state]() -> std::optional<Value> {
        if (!state->has_begun) {
          state->has_begun = true;
          state->next = begin(runtime.iterate(value));
        }
        return state->next();
      },
      value.levels());
}

std::string name_argument(Runtime& runtime, const Value& name, const char* what) {
  if (!name.is_string()) {
    runtime.fail(std::string("expected the name of a ") + what + ", not '" + type_name(name) + "'");
  }
  return name.text();
}

Value map_filter(Runtime& runtime, const Value& value, Arguments given) {
  if (!truth(value)) return runtime.iterator([] { return std::optional<Value>(); }, 0);
  return generated(runtime, value, [&runtime, given](const Next& source) -> Next {
    Arguments arguments = given;
    if (arguments.positional.empty()) {
      const std::optional<Value> attribute = arguments.take("attribute");
      if (!attribute) runtime.fail("map requires a filter argument");
      std::optional<Value> otherwise = arguments.take("default");
      if (otherwise && otherwise->is_none()) otherwise.reset();
      if (!arguments.keywords.empty()) {
        runtime.fail("unexpected keyword argument '" + arguments.keywords[0].first + "'");
      }
      const AttributePath path(runtime, *attribute);
      return [&runtime, source, path, otherwise]() -> std::optional<Value> {
        const std::optional<Value> element = source();
        return element ? std::optional(path.of(runtime, *element, otherwise)) : std::nullopt;
      };
    }
    const std::string name = name_argument(runtime, arguments.positional[0], "filter");
    arguments.positional.erase(arguments.positional.begin());
    return [&runtime, source, name, arguments]() -> std::optional<Value> {
      const std::optional<Value> element = source();
      if (!element) return std::nullopt;
      return apply_filter(runtime, name, *element, arguments);
    };
  });
}

/// select, reject, selectattr and rejectattr.
Value select_elements(Runtime& runtime, const Value& value, const Arguments& given,
                      bool by_attribute, bool wanted) {
  if (!truth(value)) return runtime.iterator([] { return std::optional<Value>(); }, 0);
  return generated(runtime, value, [=, &runtime](const Next& source) -> Next {
    Arguments arguments = given;
    const auto take_first = [&] {
      const Value first = arguments.positional[0];
      arguments.positional.erase(arguments.positional.begin());
      return first;
    };
    if (by_attribute && arguments.positional.empty()) {
      runtime.fail("missing parameter for attribute name");
    }
    const AttributePath path(runtime, by_attribute ? take_first() : Value::none());
    const bool by_truth = arguments.positional.empty();
    const std::string name = by_truth ? "" : name_argument(runtime, take_first(), "test");
    return [=, &runtime]() -> std::optional<Value> {
      while (std::optional<Value> element = source()) {
        const Value tested = path.of(runtime, *element);
        const bool passes = by_truth ? truth(tested) : apply_test(runtime, name, tested, arguments);
        if (passes == wanted) return element;
      }
      return std::nullopt;
    };
  });
}

template <bool by_attribute, bool wanted>
Value selection_filter(Runtime& runtime, const Value& value, Arguments given) {
  return select_elements(runtime, value, given, by_attribute, wanted);
}

Value unique_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "unique", std::move(given), {"case_sensitive", "attribute"},
                              0);
  const bool with_case = parameters.flag(0, false);
  const AttributePath path(runtime, parameters.has(1) ? parameters.value(1) : Value::none());
  return generated(runtime, value, [=, &runtime](const Next& source) -> Next {
    const auto seen = std::make_shared<std::vector<Value>>();
    return [=, &runtime]() -> std::optional<Value> {
      while (std::optional<Value> element = source()) {
        Value key = path.of(runtime, *element);
        if (!with_case) key = without_case(runtime, key);
        if (!is_hashable(key)) {
          runtime.fail(std::string("unhashable type: '") + type_name(key) + "'");
        }
        runtime.step(static_cast<std::int64_t>(seen->size()) / 8);
        const bool known = std::any_of(seen->begin(), seen->end(),
                                       [&](const Value& other) { return equal_keys(key, other); });
        if (known) continue;
        seen->push_back(key);
        return element;
      }
      return std::nullopt;
    };
  });
}

Value batch_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "batch", std::move(given), {"linecount", "fill_with"}, 1);
  const std::int64_t size = parameters.integer(0, 1);
  const Value fill = parameters.has(1) ? parameters.value(1) : Value::none();
  if (size > 1'000'000) runtime.fail("batch: lines of more than a million elements");
  return generated(runtime, value, [=, &runtime](const Next& source) -> Next {
    const auto pending = std::make_shared<std::vector<Value>>();
    const auto ended = std::make_shared<bool>(false);
    return [=, &runtime]() -> std::optional<Value> {
      if (*ended) return std::nullopt;
      while (std::optional<Value> element = source()) {
        const bool full = static_cast<std::int64_t>(pending->size()) == size;
        std::vector<Value> line;
        if (full) line.swap(*pending);
        pending->push_back(std::move(*element));
        if (full) return runtime.list(std::move(line));
      }
      *ended = true;
      if (pending->empty()) return std::nullopt;
      while (!fill.is_none() && static_cast<std::int64_t>(pending->size()) < size) {
        runtime.reserve(sizeof(Value));
        pending->push_back(fill);
      }
      return runtime.list(std::move(*pending));
    };
  });
}

Value slice_filter(Runtime& runtime, const Value& value, Arguments given) {
  const Parameters parameters(runtime, "slice", std::move(given), {"slices", "fill_with"}, 1);
  const std::int64_t slices = parameters.integer(0, 1);
  const Value fill = parameters.has(1) ? parameters.value(1) : Value::none();
  return generated(runtime, value, [=, &runtime](const Next& source) -> Next {
    std::vector<Value> all;
    while (std::optional<Value> element = source()) all.push_back(std::move(*element));
    if (slices == 0) runtime.fail("slice: integer division or modulo by zero");
    const auto elements = std::make_shared<std::vector<Value>>(std::move(all));
    const auto number = std::make_shared<std::int64_t>(0);
    const auto size = static_cast<std::int64_t>(elements->size());
    return [=, &runtime]() -> std::optional<Value> {
      if (*number >= slices) return std::nullopt;
      runtime.step();
      const std::int64_t slice = (*number)++, extra = size % slices;
      const std::int64_t begin = slice * (size / slices) + std::min(slice, extra);
      const std::int64_t end = (slice + 1) * (size / slices) + std::min(slice + 1, extra);
      std::vector<Value> part(elements->begin() + begin, elements->begin() + end);
      if (!fill.is_none() && slice >= extra) part.push_back(fill);
      return runtime.list(std::move(part));
    };
  });
}

}  // namespace

const FilterTable& selection_filters() {
  static const FilterTable kFilters = {
      {"default", default_filter},
      {"d", default_filter},
      {"map", map_filter},
      {"select", selection_filter<false, true>},
      {"reject", selection_filter<false, false>},
      {"selectattr", selection_filter<true, true>},
      {"rejectattr", selection_filter<true, false>},
      {"unique", unique_filter},
      {"batch", batch_filter},
      {"slice", slice_filter},
  };
  return kFilters;
}

}  // namespace expandft::jinja
