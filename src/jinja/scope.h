#pragma once

#include "jinja/values/value.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace expandft::jinja {

/// Names and their values: of the environment, the conversation, the template, a pass of a loop, a
/// macro's call. A name is looked up from the inside out, and set in the innermost scope.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outside) : parent(std::move(outside)) {}

  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> names;

  const Value* find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get()) {
      for (const auto& [known, value] : scope->names) {
        if (known == name) return &value;
      }
    }
    return nullptr;
  }
  void set(std::string_view name, Value value) {
    for (auto& [known, old] : names) {
      if (known == name) {
        old = std::move(value);
        return;
      }
    }
    names.emplace_back(name, std::move(value));
  }
};

}  // namespace expandft::jinja
