#include "jinja/values/parameters.h"

#include <algorithm>

namespace expandft::jinja {

Parameters::Parameters(Runtime& runtime, std::string function, Arguments arguments,
                       std::initializer_list<const char*> names, std::size_t required,
                       bool positional_only)
    : runtime_(runtime), function_(std::move(function)), names_(names), values_(names.size()) {
  if (arguments.positional.size() > names_.size()) {
    runtime.fail(function_ + "() takes at most " + std::to_string(names_.size()) +
                 " arguments, and " + std::to_string(arguments.positional.size()) + " were given");
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    values_[i] = std::move(arguments.positional[i]);
  }
  for (auto& [name, value] : arguments.keywords) {
    const auto found = std::find_if(names_.begin(), names_.end(),
                                    [&](const char* known) { return name == known; });
    if (positional_only || found == names_.end()) {
      runtime.fail(function_ + "() takes no keyword argument '" + name + "'");
    }
    auto& slot = values_[static_cast<std::size_t>(found - names_.begin())];
    if (slot) runtime.fail(function_ + "() got multiple values for argument '" + name + "'");
    slot = std::move(value);
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!values_[i]) {
      runtime.fail(function_ + "() needs the argument '" + std::string(names_[i]) + "'");
    }
  }
}

std::optional<std::string> Parameters::text(std::size_t index) const {
  if (!has(index) || values_[index]->is_none()) return std::nullopt;
  const Value& value = *values_[index];
  if (value.is_string()) return value.text();
  runtime_.fail(function_ + "(): the argument '" + names_[index] + "' must be a str, not '" +
                type_name(value) + "'");
}

std::int64_t Parameters::integer(std::size_t index, std::int64_t otherwise) const {
  if (!has(index)) return otherwise;
  const Value& value = *values_[index];
  if (value.is_int()) return value.as_int();
  if (value.is_undefined()) runtime_.fail_undefined(value);
  runtime_.fail(function_ + "(): the argument '" + names_[index] + "' must be an int, not '" +
                type_name(value) + "'");
}

bool Parameters::flag(std::size_t index, bool otherwise) const {
  return has(index) ? truth(*values_[index]) : otherwise;
}

}  // namespace expandft::jinja
