#pragma once

#include "jinja/values/value.h"

namespace expandft::jinja {

/// The variable `loop` of a for loop. It reads its elements one by one, as Jinja does: a generator
/// is read ahead only by `last`, `nextitem` and `length`.
struct Loop : Object {
  Next next;
  std::optional<std::int64_t> known_length;  // of what has a length
  std::int64_t index0 = -1;
  std::int64_t depth0 = 0;  // of a recursive loop
  Value current, previous;
  std::optional<Value> changed;  // the arguments of the last call of changed(), as a tuple
  /// Renders the body for other elements; empty unless the loop is recursive.
  std::function<Value(Runtime&, Arguments)> recurse;

  /// Goes on to the next element. Whether there is one.
  bool advance();
  const std::optional<Value>& peek();
  std::int64_t length();

 private:
  std::vector<Value> ahead_;  // read early, by length()
  std::size_t ahead_at_ = 0;
  bool peeked_ = false;
  std::optional<Value> peek_;

  std::optional<Value> read();
};

/// `loop.name`, or nothing if there is no such attribute.
std::optional<Value> loop_attribute(const Value& loop, std::string_view name);

}  // namespace expandft::jinja
