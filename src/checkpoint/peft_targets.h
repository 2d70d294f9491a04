#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/regular_expression.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Selects modules by a regular expression for their whole names, or by the last parts of the
/// names.
struct ModuleNames {
  std::vector<std::string> names;
  std::shared_ptr<const RegularExpression> pattern;
  bool are_all = false;  // "all-linear"

  bool empty() const { return names.empty() && pattern == nullptr && !are_all; }
  bool match(const std::string& module) const;
};

/// Which modules a LoRA adapter of PEFT updates: target_modules, exclude_modules,
/// layers_to_transform and layers_pattern as PEFT 0.21 reads them. PEFT ignores tensors of other
/// modules.
class PeftTargets {
 public:
  /// Input errors name the field: wrong type, invalid pattern, or no targets.
  static PeftTargets read(const JsonNode& config);

  static PeftTargets of(const std::vector<std::string>& names);

  /// The field that excludes the module; none if it is updated.
  std::optional<std::string> left_out_by(const std::string& module) const;
  /// target_modules as written.
  const Json& stated() const { return stated_; }

 private:
  bool is_in_layers(const std::string& module) const;

  Json stated_;
  ModuleNames targets_, excluded_;
  std::vector<std::int64_t> layers_;  // empty: all
  /// Their matches end in a layer's index and a dot; the first pattern that matches is used.
  std::vector<std::shared_ptr<const RegularExpression>> layer_patterns_;
};

}  // namespace expandft
