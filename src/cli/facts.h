#pragma once

#include "base/files.h"
#include "base/json.h"

namespace expandft {

// What `expandft inspect` says of a directory, as JSON. No weight is read but by its header.

/// A checkpoint, merged by expandft or not: family, sizes, dtypes, parameters by part, tokenizer,
/// and where it loads. A family that expandft cannot compute is described as far as its files tell.
Json model_facts(const fs::path& directory);
/// An adapter of expandft's.
Json adapter_facts(const fs::path& directory);
/// A run directory: its config, how far it came, and what it has written.
Json run_facts(const fs::path& directory);

}  // namespace expandft
