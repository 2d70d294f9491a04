#pragma once

#include "config/run_config.h"

namespace expandft {

/// The directory that a model is read from: for a GGUF file its import in bfloat16, for any other
/// path the path itself. An import is made once, lies in cache_folder("models") under the hash of
/// the file's bytes, and is used again; where several processes ask, one imports and the others
/// wait. Input errors of GgufImport::open and import_model; a failure without a cache folder.
fs::path imported_model(const fs::path& model);

/// Sets where the base of a run is read from (RunConfig::model_directory).
void import_base(RunConfig& run);

}  // namespace expandft
