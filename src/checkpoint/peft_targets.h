#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/regular_expression.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Modules by a regular expression that their whole names match, or by their names' last parts.
struct ModuleNames {
  std::vector<std::string> names;
  std::shared_ptr<const RegularExpression> pattern;
  bool are_all = false;  // "all-linear"

  bool empty() const { return names.empty() && pattern == nullptr && !are_all; }
  bool match(const std::string& module) const;
};

/// Which modules a LoRA adapter of PEFT updates, as PEFT 0.21 reads target_modules,
/// exclude_modules, layers_to_transform and layers_pattern. Tensors of other modules it passes
/// over.
class PeftTargets {
 public:
  /// Input errors name the field: one of another type, a pattern that does not compile, no targets.
  static PeftTargets read(const JsonNode& config);

  static PeftTargets of(const std::vector<std::string>& names);

  /// The field that leaves the module out, or nothing where it is updated.
  std::optional<std::string> left_out_by(const std::string& module) const;
  /// target_modules, as it is written.
  const Json& stated() const { return stated_; }

 private:
  bool is_in_layers(const std::string& module) const;

  Json stated_;
  ModuleNames targets_, excluded_;
  std::vector<std::int64_t> layers_;  // empty: all
  /// What they find ends in a layer's index and a dot; the first that finds something counts.
  std::vector<std::shared_ptr<const RegularExpression>> layer_patterns_;
};

}  // namespace expandft
