#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace expandft::jinja {

class Runtime;
struct Object;
struct Text;
struct Sequence;
struct Dict;
struct Iterator;
struct Function;
struct Loop;
struct IntegerRange;
struct View;
struct Missing;

enum class ValueKind {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kNamespace,
  kRange,
  kView,      // dict.keys(), dict.values(), dict.items()
  kIterator,  // what filters give that Python writes as generators: read once, in order
  kLoop,
  kFunction,  // of the environment, methods, macros
};

/// A value of a template. Copies share what is on the heap, which does not change once it is made,
/// except for namespaces and the positions of iterators and loops.
class Value {
 public:
  Value() = default;  // undefined, without a reason
  static Value none() { return Value(ValueKind::kNone); }
  static Value boolean(bool value) { return Value(ValueKind::kBool, value ? 1 : 0); }
  static Value integer(std::int64_t value) { return Value(ValueKind::kInt, value); }
  static Value number(double value);
  static Value object(ValueKind kind, std::shared_ptr<Object> object);

  ValueKind kind() const { return kind_; }
  bool is(ValueKind kind) const { return kind_ == kind; }
  bool is_undefined() const { return kind_ == ValueKind::kUndefined; }
  bool is_none() const { return kind_ == ValueKind::kNone; }
  bool is_string() const { return kind_ == ValueKind::kString; }
  /// bool is an int in Python.
  bool is_int() const { return kind_ == ValueKind::kInt || kind_ == ValueKind::kBool; }
  bool is_number() const { return is_int() || kind_ == ValueKind::kFloat; }
  bool is_sequence() const { return kind_ == ValueKind::kList || kind_ == ValueKind::kTuple; }

  std::int64_t as_int() const { return integer_; }  // of bool and int
  double as_double() const {                        // of any number
    return kind_ == ValueKind::kFloat ? number_ : static_cast<double>(integer_);
  }
  // Each only for its kind.
  const std::string& text() const;
  bool is_markup() const;
  const std::vector<Value>& items() const;  // of a list or tuple
  const Dict& dict() const;                 // of a dict or namespace
  std::shared_ptr<Dict> shared_dict() const;
  const IntegerRange& range() const;
  const View& view() const;
  Iterator& iterator() const;
  Loop& loop() const;
  const Function& function() const;

  const std::shared_ptr<Object>& heap() const { return object_; }
  /// Lists within lists: 0 for what has no parts.
  int levels() const;

 private:
  explicit Value(ValueKind kind, std::int64_t integer = 0) : kind_(kind), integer_(integer) {}

  ValueKind kind_ = ValueKind::kUndefined;
  std::int64_t integer_ = 0;
  double number_ = 0;
  std::shared_ptr<Object> object_;
};

/// What a call passes: f(positional, name=keyword).
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keywords;

  /// The keyword's value, which is taken out.
  std::optional<Value> take(std::string_view name);
};

/// The next element, or nothing at the end.
using Next = std::function<std::optional<Value>()>;

struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
  int levels = 1;
};

struct Text : Object {
  std::string bytes;       // UTF-8
  bool is_markup = false;  // |safe: what is added to it is escaped
};

struct Sequence : Object {
  std::vector<Value> items;
};

/// In the order of insertion. Keys are hashable.
struct Dict : Object {
  std::vector<std::pair<Value, Value>> items;

  const Value* find(const Value& key) const;  // Python's equality: 1 finds True
  const Value* find(std::string_view key) const;
  void set(const Value& key, Value value);
};

struct IntegerRange : Object {
  std::int64_t start = 0, stop = 0, step = 1;
  std::int64_t size() const;
  std::int64_t at(std::int64_t index) const { return start + index * step; }
};

enum class ViewKind { kKeys, kValues, kItems };
struct View : Object {
  ViewKind kind = ViewKind::kKeys;
  std::shared_ptr<Dict> dict;
};

struct Iterator : Object {
  Next next;
};

struct Function : Object {
  std::string name;
  /// Printed as; functions without it have an address in Python's text and are not printed.
  std::string shown;
  std::function<Value(Runtime&, Arguments)> call;
};

/// Why a value is undefined: the message of what is done with it.
struct Missing : Object {
  std::string message;
};

Value undefined(std::string message);
Value string_value(std::string bytes);
Value markup_value(std::string bytes);
Value function_value(std::string name, std::function<Value(Runtime&, Arguments)> call);

/// Python's name of the type: "str", "NoneType".
const char* type_name(const Value& value);
/// bool(value).
bool truth(const Value& value);
/// Whether the value can be a key: not lists, dicts and what contains them.
bool is_hashable(const Value& value);

}  // namespace expandft::jinja
