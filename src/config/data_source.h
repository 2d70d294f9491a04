#pragma once

#include "base/files.h"
#include "config/fields.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

struct TemplateConfig {
  std::string prompt, completion;
};

/// One entry of "data.train", "data.validation" or "retention.text".
struct DataSource {
  fs::path path;                                // a file, a folder or a glob: data/data_files.h
  double weight = 1;                            // how often its examples come in an epoch
  std::optional<TemplateConfig> text_template;  // none: data.template

  /// Whether the path alone says all of it.
  bool is_plain() const { return weight == 1 && !text_template; }
  /// Of "retention.text": "self", what the base itself writes.
  bool is_self() const { return path.empty(); }
};

/// The JSON path of a source: "data.train" when it is the only one and no more than a path, else
/// "data.train[1]".
std::string source_key(const std::string& key, const std::vector<DataSource>& sources,
                       std::size_t index);

/// Training data may have weights and templates. Validation data has no weights, and may be absent:
/// null. The text of retention has weights, and may be "self".
enum class SourceUse { kTraining, kValidation, kRetention };

/// A path, or a list of paths and of {"path", "weight", "template"}, as far as the use has them.
Field sources_field(std::string path, std::vector<DataSource>& member, SourceUse use,
                    std::string doc);

}  // namespace expandft
