#pragma once

#include "base/files.h"

namespace expandft {

/// Input error when the directory has a link that leads out of it: a stranger's archive could have
/// any file of the user's read, and copied into what is written. The links of a Hugging Face cache,
/// from snapshots/REVISION and the folders in it into the same entry's blobs, are as they should
/// be. Links that lead nowhere are for who opens them.
void check_links(const fs::path& directory);

}  // namespace expandft
