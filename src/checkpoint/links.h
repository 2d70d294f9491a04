#pragma once

#include "base/files.h"

namespace expandft {

/// Input error when the directory, or its folder of chat templates, contains a link that leads out
/// of it: otherwise a downloaded archive could make expandft read any file of the user and copy it
/// to an output. Links of a Hugging Face cache, from snapshots/REVISION to the blobs of the same
/// entry, are allowed. Broken links are left to the code that opens them.
void check_links(const fs::path& directory);

}  // namespace expandft
