#include "jinja/filters/filters.h"

#include <algorithm>
#include <array>

namespace expandft::jinja {
namespace {

Filter find_filter(std::string_view name) {
  for (const FilterTable* table :
       {&text_filters(), &number_filters(), &sequence_filters(), &selection_filters()}) {
    if (const auto found = table->find(name); found != table->end()) return found->second;
  }
  return nullptr;
}

constexpr std::array<std::string_view, 9> kUnsupportedFilters = {
    "filesizeformat", "groupby", "pprint",   "random", "striptags",
    "urlencode",      "urlize",  "wordwrap", "xmlattr"};

bool is_unsupported(std::string_view name) {
  return std::find(kUnsupportedFilters.begin(), kUnsupportedFilters.end(), name) !=
         kUnsupportedFilters.end();
}

}  // namespace

bool has_filter(std::string_view name) {
  return find_filter(name) != nullptr || is_unsupported(name);
}

Value apply_filter(Runtime& runtime, std::string_view name, const Value& value,
                   Arguments arguments) {
  runtime.step();
  const Filter filter = find_filter(name);
  if (filter != nullptr) return filter(runtime, value, std::move(arguments));
  if (is_unsupported(name)) {
    runtime.fail("the filter '" + std::string(name) + "' is not supported");
  }
  runtime.fail("no filter named '" + std::string(name) + "' found");
}

}  // namespace expandft::jinja
