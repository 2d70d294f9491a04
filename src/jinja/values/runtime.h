#pragma once

#include "jinja/values/limits.h"
#include "jinja/values/source.h"
#include "jinja/values/value.h"

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace expandft::jinja {

/// What values and filters need while a template is rendered: the place for messages, the budgets,
/// and values on the heap that keep within them.
class Runtime {
 public:
  Runtime(const Source& source, const Limits& allowed, const std::tm& time)
      : limits(allowed), now(time), source_(source), steps_(allowed.steps), bytes_(allowed.bytes) {}

  const Limits& limits;
  const std::tm& now;  // strftime_now's
  std::size_t at = 0;  // byte of the source: what is being evaluated

  /// An input error at the place of what is being evaluated.
  [[noreturn]] void fail(std::string what, std::string hint = {}) const;
  /// Input error of an operation on an undefined value.
  [[noreturn]] void fail_undefined(const Value& value) const;

  void step(std::int64_t count = 1) {
    if ((steps_ -= count) < 0) fail_limit("steps", limits.steps);
  }
  /// Bytes that are about to be made.
  void reserve(std::size_t bytes);

  Value text(std::string bytes, bool is_markup = false);
  Value list(std::vector<Value> items) { return sequence(ValueKind::kList, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(ValueKind::kTuple, std::move(items)); }
  Value dict(std::vector<std::pair<Value, Value>> items);
  Value view(ViewKind kind, const Value& dict);
  Value iterator(Next next, int levels);
  Value space(std::shared_ptr<Dict> attributes);  // a namespace
  /// Levels of something that contains what has `inner` levels. Input error beyond the limit.
  int levels_around(int inner) const;

  /// Elements in order. Input error for what cannot be iterated over.
  Next iterate(const Value& value);
  std::vector<Value> elements(const Value& value);
  /// len(), or nothing for what has none.
  std::optional<std::int64_t> length(const Value& value) const;

  Value call(const Value& function, Arguments arguments);

  /// Cycles can only go through what changes: such objects are kept, and emptied at the end.
  void keep(std::function<void()> release) { kept_.push_back(std::move(release)); }
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

 private:
  Value sequence(ValueKind kind, std::vector<Value> items);
  [[noreturn]] void fail_limit(const char* what, std::int64_t limit) const;

  const Source& source_;
  std::int64_t steps_, bytes_;
  std::vector<std::function<void()>> kept_;
};

}  // namespace expandft::jinja
