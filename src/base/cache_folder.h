#pragma once

#include "base/files.h"

#include <optional>

namespace expandft {

/// The folder for caches of one kind: `name` in $EXPANDFT_CACHE, else in $XDG_CACHE_HOME/expandft,
/// else in ~/.cache/expandft. None if none of these variables is set. It may not exist yet.
std::optional<fs::path> cache_folder(const char* name);

}  // namespace expandft
