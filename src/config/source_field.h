#pragma once

#include "config/data_source.h"
#include "config/fields.h"

#include <string>
#include <vector>

namespace expandft {

/// Training data may have weights. Validation data has none, and may be absent: null.
enum class SourceUse { kTraining, kValidation };

/// A path, or a list of paths and of {"path", "weight", "template"}.
Field sources_field(std::string path, std::vector<DataSource>& member, SourceUse use,
                    std::string doc);

}  // namespace expandft
