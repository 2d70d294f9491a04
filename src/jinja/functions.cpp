#include "jinja/functions.h"

#include "base/wording.h"
#include "jinja/values/parameters.h"
#include "jinja/values/printing.h"

#include <ctime>

namespace expandft::jinja {
namespace {

Value range_function(Runtime& runtime, Arguments given) {
  if (!given.keywords.empty()) runtime.fail("range() takes no keyword arguments");
  const Parameters parameters(runtime, "range", std::move(given), {"start", "stop", "step"}, 1);
  auto range = std::make_shared<IntegerRange>();
  range->stop = parameters.integer(0, 0);
  if (parameters.has(1)) {
    range->start = range->stop;
    range->stop = parameters.integer(1, 0);
  }
  range->step = parameters.integer(2, 1);
  if (range->step == 0) runtime.fail("range() arg 3 must not be zero");
  constexpr std::int64_t kMost = 100'000;  // the sandbox's
  if (range->size() > kMost) {
    runtime.fail("the range is too big: at most " + std::to_string(kMost) + " elements");
  }
  return Value::object(ValueKind::kRange, std::move(range));
}

/// dict(pairs or mapping, name=value).
std::vector<std::pair<Value, Value>> dict_items(Runtime& runtime, Arguments given) {
  if (given.positional.size() > 1) runtime.fail("dict expected at most 1 argument");
  std::vector<std::pair<Value, Value>> items;
  if (!given.positional.empty()) {
    const Value& source = given.positional[0];
    if (source.is(ValueKind::kDict)) {
      items = source.dict().items;
    } else {
      for (const Value& element : runtime.elements(source)) {
        const std::vector<Value> pair = runtime.elements(element);
        if (pair.size() != 2) runtime.fail("dict: an element is not a pair of key and value");
        items.emplace_back(pair[0], pair[1]);
      }
    }
  }
  for (auto& [name, value] : given.keywords) items.emplace_back(string_value(name), value);
  return items;
}

Value dict_function(Runtime& runtime, Arguments given) {
  return runtime.dict(dict_items(runtime, std::move(given)));
}

Value namespace_function(Runtime& runtime, Arguments given) {
  const Value dict = dict_function(runtime, std::move(given));
  auto attributes = std::make_shared<Dict>();
  attributes->items = dict.dict().items;
  for (const auto& item : attributes->items) {
    if (item.first.is_string() && item.first.text().starts_with('_')) {
      runtime.fail("namespaces have no attributes that begin with \"_\": \"" + item.first.text() +
                   "\"");
    }
  }
  return runtime.space(std::move(attributes));
}

Value raise_exception_function(Runtime& runtime, Arguments given) {
  const Parameters parameters(runtime, "raise_exception", std::move(given), {"message"}, 1);
  runtime.fail("the template refuses the conversation: " +
               printable(text_of(runtime, parameters.value(0))));
}

/// One directive of strftime, from its percent sign on.
std::string formatted_time(Runtime& runtime, const std::string& directive) {
  const char letter = directive.back();
  if (letter == '%') return "%";
  if (letter == 'z' || letter == 'Z') return "";  // a time without a zone
  if (letter == 'f') runtime.fail("strftime_now: microseconds (%f) are not supported");
  char text[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"  // one directive, and bounded
  return {text, std::strftime(text, sizeof(text), directive.c_str(), &runtime.now)};
#pragma GCC diagnostic pop
}

Value strftime_now_function(Runtime& runtime, Arguments given) {
  const Parameters parameters(runtime, "strftime_now", std::move(given), {"format"}, 1);
  const std::string format = parameters.text(0).value_or("");
  std::string text;
  for (std::size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      text += format[at++];
      continue;
    }
    const std::size_t letter = format.find_first_not_of("-_0^#EO", at + 1);
    if (letter == format.npos || format[letter] == '\0') {
      runtime.fail("strftime_now: the format ends within a directive");
    }
    text += formatted_time(runtime, format.substr(at, letter + 1 - at));
    at = letter + 1;
  }
  return runtime.text(std::move(text));
}

}  // namespace

std::shared_ptr<Scope> environment_scope() {
  auto scope = std::make_shared<Scope>(nullptr);
  const auto add = [&](const char* name, Value (*function)(Runtime&, Arguments)) {
    scope->set(name, function_value(name, function));
  };
  add("range", range_function);
  add("dict", dict_function);
  add("namespace", namespace_function);
  add("raise_exception", raise_exception_function);
  add("strftime_now", strftime_now_function);
  for (const char* name : {"lipsum", "cycler", "joiner"}) {
    const std::string known = name;
    scope->set(name, function_value(name, [known](Runtime& runtime, Arguments) -> Value {
                 runtime.fail(known + "() is not supported");
               }));
  }
  return scope;
}

}  // namespace expandft::jinja
