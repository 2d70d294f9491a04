#include "jinja/values/loop.h"

#include "jinja/values/comparison.h"
#include "jinja/values/runtime.h"

namespace expandft::jinja {

std::optional<Value> Loop::read() {
  if (ahead_at_ < ahead_.size()) return ahead_[ahead_at_++];
  return next();
}

bool Loop::advance() {
  std::optional<Value> element = peeked_ ? std::move(peek_) : read();
  peeked_ = false;
  peek_.reset();
  if (!element) return false;
  ++index0;
  previous = std::move(current);
  current = std::move(*element);
  return true;
}

const std::optional<Value>& Loop::peek() {
  if (!peeked_) {
    peek_ = read();
    // Jinja asks the generator again when there was nothing; it has nothing still.
    peeked_ = peek_.has_value();
  }
  return peek_;
}

std::int64_t Loop::length() {
  if (known_length) return *known_length;
  std::vector<Value> rest;
  while (std::optional<Value> element = read()) rest.push_back(std::move(*element));
  ahead_ = std::move(rest);
  ahead_at_ = 0;
  known_length = static_cast<std::int64_t>(ahead_.size()) + index0 + 1 + (peeked_ ? 1 : 0);
  return *known_length;
}

std::optional<Value> loop_attribute(const Value& value, std::string_view name) {
  Loop& loop = value.loop();
  if (name == "index") return Value::integer(loop.index0 + 1);
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(!loop.peek().has_value());
  if (name == "length") return Value::integer(loop.length());
  if (name == "revindex") return Value::integer(loop.length() - loop.index0);
  if (name == "revindex0") return Value::integer(loop.length() - loop.index0 - 1);
  if (name == "depth") return Value::integer(loop.depth0 + 1);
  if (name == "depth0") return Value::integer(loop.depth0);
  if (name == "previtem") {
    return loop.index0 == 0 ? undefined("there is no previous item") : loop.previous;
  }
  if (name == "nextitem") {
    const std::optional<Value>& next = loop.peek();
    return next ? *next : undefined("there is no next item");
  }
  const std::weak_ptr<Object> weak = value.heap();  // the loop outlives calls of its methods
  if (name == "cycle") {
    return function_value("cycle", [weak](Runtime& runtime, Arguments arguments) {
      const auto owner = weak.lock();
      if (owner == nullptr) runtime.fail("the loop has ended");
      if (arguments.positional.empty()) runtime.fail("no items for cycling given");
      const auto index = static_cast<std::size_t>(static_cast<Loop&>(*owner).index0);
      return arguments.positional[index % arguments.positional.size()];
    });
  }
  if (name == "changed") {
    return function_value("changed", [weak](Runtime& runtime, Arguments arguments) {
      const auto owner = weak.lock();
      if (owner == nullptr) runtime.fail("the loop has ended");
      auto& self = static_cast<Loop&>(*owner);
      const Value now = runtime.tuple(std::move(arguments.positional));
      if (self.changed && equal(runtime, *self.changed, now)) return Value::boolean(false);
      // What changed() keeps may contain the loop.
      if (!self.changed) {
        runtime.keep([weak] {
          if (const auto kept = weak.lock()) static_cast<Loop&>(*kept).changed.reset();
        });
      }
      self.changed = now;
      return Value::boolean(true);
    });
  }
  return std::nullopt;
}

}  // namespace expandft::jinja
