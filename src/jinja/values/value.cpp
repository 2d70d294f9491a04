#include "jinja/values/value.h"

#include "jinja/values/comparison.h"
#include "jinja/values/loop.h"

namespace expandft::jinja {
namespace {

template <typename Kind>
Kind& heap_of(const Value& value) {
  return static_cast<Kind&>(*value.heap());
}

}  // namespace

Value Value::number(double number) {
  Value value(ValueKind::kFloat);
  value.number_ = number;
  return value;
}

Value Value::object(ValueKind kind, std::shared_ptr<Object> object) {
  Value value(kind);
  value.object_ = std::move(object);
  return value;
}

const std::string& Value::text() const {
  return heap_of<Text>(*this).bytes;
}
bool Value::is_markup() const {
  return is_string() && heap_of<Text>(*this).is_markup;
}
const std::vector<Value>& Value::items() const {
  return heap_of<Sequence>(*this).items;
}
const Dict& Value::dict() const {
  return heap_of<Dict>(*this);
}
std::shared_ptr<Dict> Value::shared_dict() const {
  return std::static_pointer_cast<Dict>(object_);
}
const IntegerRange& Value::range() const {
  return heap_of<IntegerRange>(*this);
}
const View& Value::view() const {
  return heap_of<View>(*this);
}
Iterator& Value::iterator() const {
  return heap_of<Iterator>(*this);
}
Loop& Value::loop() const {
  return heap_of<Loop>(*this);
}
const Function& Value::function() const {
  return heap_of<Function>(*this);
}

int Value::levels() const {
  return object_ == nullptr || is_string() || is_undefined() ? 0 : object_->levels;
}

std::optional<Value> Arguments::take(std::string_view name) {
  for (auto keyword = keywords.begin(); keyword != keywords.end(); ++keyword) {
    if (keyword->first != name) continue;
    Value value = std::move(keyword->second);
    keywords.erase(keyword);
    return value;
  }
  return std::nullopt;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [known, value] : items) {
    if (known.is_string() && known.text() == key) return &value;
  }
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  if (key.is_string()) return find(std::string_view(key.text()));
  for (const auto& [known, value] : items) {
    if (!known.is_string() && equal_keys(known, key)) return &value;
  }
  return nullptr;
}

void Dict::set(const Value& key, Value value) {
  if (const Value* const found = find(key)) {
    *const_cast<Value*>(found) = std::move(value);
  } else {
    items.emplace_back(key, std::move(value));
  }
}

std::int64_t IntegerRange::size() const {
  if (step > 0 ? start >= stop : start <= stop) return 0;
  // Unsigned: the bounds may be more than 2^63 apart.
  const auto distance = step > 0
                            ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                            : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop);
  const auto stride =
      step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t count = (distance - 1) / stride + 1;
  return count > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(count);
}

Value undefined(std::string message) {
  auto missing = std::make_shared<Missing>();
  missing->message = std::move(message);
  return Value::object(ValueKind::kUndefined, std::move(missing));
}

Value string_value(std::string bytes) {
  auto text = std::make_shared<Text>();
  text->bytes = std::move(bytes);
  return Value::object(ValueKind::kString, std::move(text));
}

Value markup_value(std::string bytes) {
  auto text = std::make_shared<Text>();
  text->bytes = std::move(bytes);
  text->is_markup = true;
  return Value::object(ValueKind::kString, std::move(text));
}

Value function_value(std::string name, std::function<Value(Runtime&, Arguments)> call) {
  auto function = std::make_shared<Function>();
  function->name = std::move(name);
  function->call = std::move(call);
  return Value::object(ValueKind::kFunction, std::move(function));
}

const char* type_name(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kUndefined:
      return "Undefined";
    case ValueKind::kNone:
      return "NoneType";
    case ValueKind::kBool:
      return "bool";
    case ValueKind::kInt:
      return "int";
    case ValueKind::kFloat:
      return "float";
    case ValueKind::kString:
      return "str";
    case ValueKind::kList:
      return "list";
    case ValueKind::kTuple:
      return "tuple";
    case ValueKind::kDict:
      return "dict";
    case ValueKind::kNamespace:
      return "namespace";
    case ValueKind::kRange:
      return "range";
    case ValueKind::kView:
      return "view of a dict";
    case ValueKind::kIterator:
      return "generator";
    case ValueKind::kLoop:
      return "loop";
    case ValueKind::kFunction:
      return "function";
  }
  return "?";
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kUndefined:
    case ValueKind::kNone:
      return false;
    case ValueKind::kBool:
    case ValueKind::kInt:
      return value.as_int() != 0;
    case ValueKind::kFloat:
      return value.as_double() != 0;
    case ValueKind::kString:
      return !value.text().empty();
    case ValueKind::kList:
    case ValueKind::kTuple:
      return !value.items().empty();
    case ValueKind::kDict:
      return !value.dict().items.empty();
    case ValueKind::kRange:
      return value.range().size() > 0;
    case ValueKind::kView:
      return !value.view().dict->items.empty();
    case ValueKind::kLoop:
      return value.loop().length() > 0;
    case ValueKind::kNamespace:
    case ValueKind::kIterator:
    case ValueKind::kFunction:
      return true;
  }
  return false;
}

bool is_hashable(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kList:
    case ValueKind::kDict:
      return false;
    case ValueKind::kView:
      return value.view().kind == ViewKind::kValues;
    case ValueKind::kTuple:
      for (const Value& item : value.items()) {
        if (!is_hashable(item)) return false;
      }
      return true;
    default:
      return true;
  }
}

}  // namespace expandft::jinja
