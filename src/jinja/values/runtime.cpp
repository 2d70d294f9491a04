#include "jinja/values/runtime.h"

#include "base/utf8.h"
#include "jinja/values/loop.h"

#include <algorithm>

namespace expandft::jinja {

Runtime::~Runtime() {
  // Newest first, and one by one: what is released may be all that holds something else.
  for (auto release = kept_.rbegin(); release != kept_.rend(); ++release) (*release)();
}

void Runtime::fail(std::string what, std::string hint) const {
  throw source_.error(std::move(what), at, std::move(hint));
}

void Runtime::fail_undefined(const Value& value) const {
  const auto missing = std::static_pointer_cast<Missing>(value.heap());
  fail(missing == nullptr ? "the value is undefined" : missing->message);
}

void Runtime::fail_limit(const char* what, std::int64_t limit) const {
  fail("the template needs more than " + std::to_string(limit) + " " + what +
       ", which is the limit of a rendering");
}

void Runtime::reserve(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(bytes_)) fail_limit("bytes", limits.bytes);
  bytes_ -= static_cast<std::int64_t>(bytes);
}

int Runtime::levels_around(int inner) const {
  if (inner >= kMostLevels) {
    fail("values are nested more than " + std::to_string(kMostLevels) + " levels deep");
  }
  return inner + 1;
}

Value Runtime::text(std::string bytes, bool is_markup) {
  reserve(bytes.size() + 16);
  return is_markup ? markup_value(std::move(bytes)) : string_value(std::move(bytes));
}

Value Runtime::sequence(ValueKind kind, std::vector<Value> items) {
  reserve((items.size() + 1) * sizeof(Value));
  int inner = 0;
  for (const Value& item : items) inner = std::max(inner, item.levels());
  auto made = std::make_shared<Sequence>();
  made->levels = levels_around(inner);
  made->items = std::move(items);
  return Value::object(kind, std::move(made));
}

Value Runtime::dict(std::vector<std::pair<Value, Value>> items) {
  reserve((items.size() + 1) * 2 * sizeof(Value));
  auto made = std::make_shared<Dict>();
  int inner = 0;
  for (auto& [key, value] : items) {
    if (!is_hashable(key)) fail(std::string("unhashable type: '") + type_name(key) + "'");
    inner = std::max({inner, key.levels(), value.levels()});
    step(static_cast<std::int64_t>(made->items.size()) / 16 + 1);
    made->set(key, std::move(value));
  }
  made->levels = levels_around(inner);
  return Value::object(ValueKind::kDict, std::move(made));
}

Value Runtime::view(ViewKind kind, const Value& dict) {
  auto made = std::make_shared<View>();
  made->levels = levels_around(dict.levels());
  made->kind = kind;
  made->dict = dict.shared_dict();
  return Value::object(ValueKind::kView, std::move(made));
}

Value Runtime::iterator(Next next, int levels) {
  reserve(sizeof(Iterator));
  auto made = std::make_shared<Iterator>();
  made->levels = levels_around(levels);
  made->next = std::move(next);
  return Value::object(ValueKind::kIterator, std::move(made));
}

Value Runtime::space(std::shared_ptr<Dict> attributes) {
  reserve(sizeof(Dict));
  keep([attributes] { attributes->items.clear(); });
  return Value::object(ValueKind::kNamespace, std::move(attributes));
}

std::optional<std::int64_t> Runtime::length(const Value& value) const {
  switch (value.kind()) {
    case ValueKind::kUndefined:
      return 0;
    case ValueKind::kString:
      return static_cast<std::int64_t>(character_count(value.text()));
    case ValueKind::kList:
    case ValueKind::kTuple:
      return static_cast<std::int64_t>(value.items().size());
    case ValueKind::kDict:
      return static_cast<std::int64_t>(value.dict().items.size());
    case ValueKind::kRange:
      return value.range().size();
    case ValueKind::kView:
      return static_cast<std::int64_t>(value.view().dict->items.size());
    case ValueKind::kLoop:
      return value.loop().length();
    default:
      return std::nullopt;
  }
}

Next Runtime::iterate(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kUndefined:
      return [] { return std::optional<Value>(); };
    case ValueKind::kString:
      return [this, value, at = std::size_t{0}]() mutable -> std::optional<Value> {
        const std::string_view rest = std::string_view(value.text()).substr(at);
        if (rest.empty()) return std::nullopt;
        step();
        const std::size_t length = character_length(rest);
        at += length;
        return text(std::string(rest.substr(0, length)));
      };
    case ValueKind::kList:
    case ValueKind::kTuple:
      return [this, value, at = std::size_t{0}]() mutable -> std::optional<Value> {
        if (at >= value.items().size()) return std::nullopt;
        step();
        return value.items()[at++];
      };
    case ValueKind::kDict:
    case ValueKind::kView: {
      const ViewKind kind = value.is(ValueKind::kDict) ? ViewKind::kKeys : value.view().kind;
      const std::shared_ptr<Dict> dict =
          value.is(ValueKind::kDict) ? value.shared_dict() : value.view().dict;
      return [this, kind, dict, at = std::size_t{0}]() mutable -> std::optional<Value> {
        if (at >= dict->items.size()) return std::nullopt;
        step();
        const auto& [key, element] = dict->items[at++];
        if (kind == ViewKind::kItems) return tuple({key, element});
        return kind == ViewKind::kKeys ? key : element;
      };
    }
    case ValueKind::kRange:
      return [this, value, at = std::int64_t{0}]() mutable -> std::optional<Value> {
        if (at >= value.range().size()) return std::nullopt;
        step();
        return Value::integer(value.range().at(at++));
      };
    case ValueKind::kIterator:
      return [this, value]() -> std::optional<Value> {
        step();
        return value.iterator().next();
      };
    case ValueKind::kLoop:
      return [this, value]() -> std::optional<Value> {
        step();
        if (!value.loop().advance()) return std::nullopt;
        return tuple({value.loop().current, value});
      };
    default:
      fail(std::string("'") + type_name(value) + "' object is not iterable");
  }
}

std::vector<Value> Runtime::elements(const Value& value) {
  if (value.is_sequence()) {
    step(static_cast<std::int64_t>(value.items().size()));
    return value.items();
  }
  std::vector<Value> all;
  const Next next = iterate(value);
  while (std::optional<Value> element = next()) {
    reserve(sizeof(Value));
    all.push_back(std::move(*element));
  }
  return all;
}

Value Runtime::call(const Value& function, Arguments arguments) {
  step();
  if (function.is_undefined()) fail_undefined(function);
  if (function.is(ValueKind::kFunction))
    return function.function().call(*this, std::move(arguments));
  if (function.is(ValueKind::kLoop)) {
    if (!function.loop().recurse) {
      fail("the loop must have the 'recursive' marker to be called recursively");
    }
    const auto recurse = function.loop().recurse;
    return recurse(*this, std::move(arguments));
  }
  fail(std::string("'") + type_name(function) + "' object is not callable");
}

}  // namespace expandft::jinja
