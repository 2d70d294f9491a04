#pragma once

#include "base/json.h"
#include "config/fields.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What trains: key "method" of a run config. docs/method.md describes each.
enum class Method {
  kNew,       // "new": the copies of expanded MLPs (G-Freeze)
  kMlp,       // "mlp": copies and originals of expanded MLPs (G-Train)
  kZeroInit,  // "zero-init": added width that begins at zero
  kLlamaPro,  // "llama-pro": added layers that begin at zero
  kLora,      // "lora": low-rank updates
  kFull,      // "full": every weight
  kLast,      // "last:N": the last N layers
};

struct TrainingMethod {
  Method kind = Method::kNew;
  std::int64_t last_layers = 0;  // N of "last:N"

  /// Whether MLPs of the layers chosen by `expansion` are widened.
  bool widens() const {
    return kind == Method::kNew || kind == Method::kMlp || kind == Method::kZeroInit;
  }
  /// Whether `expansion.layers` says something.
  bool expands() const { return widens() || kind == Method::kLlamaPro; }
};

/// "new", "last:3", …; nothing for any other text.
std::optional<TrainingMethod> parse_method(const std::string& text);
std::string method_text(const TrainingMethod& method);
inline std::string method_text(Method method) {
  return method_text(TrainingMethod{method});
}

/// Settings of "lora": W + (alpha / rank)·B·A on the targets of every layer.
struct LoraConfig {
  std::int64_t rank = 16;
  double alpha = 32;
  std::vector<std::string> targets = {"all"};  // or names: "q_proj", "down_proj", …
};

/// Key "method".
Field method_field(std::string path, TrainingMethod& member, std::string doc);
/// As JSON Schema, for a whole run config: methods that expand need "expansion.layers".
Json needed_layers_rule();
/// Key "lora.targets": "all", or names of projections.
Field lora_targets_field(std::string path, std::vector<std::string>& member, std::string doc);

}  // namespace expandft
