#pragma once

#include "config/fields.h"
#include "config/run_config.h"

#include <vector>

namespace expandft {

/// The keys of a run config that say how a model is adapted: "method", "expansion.…", "lora.…".
std::vector<Field> method_fields(RunConfig& run);
/// As JSON Schema: methods that expand need "expansion.layers".
Json needed_layers_rule();

}  // namespace expandft
