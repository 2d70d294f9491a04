#pragma once

#include "config/data_source.h"
#include "config/fields.h"

#include <string>
#include <vector>

namespace expandft {

/// Whether sources of a field may have weights.
enum class Weights { kAllowed, kRefused };

/// A path, or a list of paths and of {"path", "weight", "template"}. No source: null.
Field sources_field(std::string path, std::vector<DataSource>& member, Weights weights,
                    std::string doc);

}  // namespace expandft
