#pragma once

#include "base/json.h"
#include "config/fields.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Which layers to expand, before the number of layers is known: "all", "last:N", "first:N",
/// "every:N" (the last of each group of N, as N-1, 2N-1, …), "a-b" (inclusive), integers
/// (negative from the end), comma-separated lists of those, or JSON arrays of those. Or, alone,
/// {"auto": N} ("auto:N"): N layers that a probe on the training data will choose.
class LayerSelection {
 public:
  /// From the command line ("16-25", "0,5,-1") or a config value. Input errors say what is allowed.
  static LayerSelection parse(const std::string& text, const std::string& where);
  static LayerSelection parse(const Json& value, const std::string& where);

  /// Sorted, unique indices. Input error when empty or out of range; it names the item. So it is
  /// when they are not chosen yet.
  std::vector<std::int64_t> resolve(std::int64_t layers) const;
  /// N of {"auto": N}; input error when the model has not so many layers.
  std::optional<std::int64_t> automatic(std::int64_t layers) const;
  const std::string& text() const { return text_; }  // as written, lists joined by commas
  Json json() const;                                 // null: nothing selected

 private:
  std::vector<std::string> items_;
  std::string text_, where_;
};

/// Key "expansion.layers"; null: nothing selected.
Field layers_field(std::string path, LayerSelection& member, std::string doc);

}  // namespace expandft
