#pragma once

#include "base/files.h"
#include "checkpoint/output_kind.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace expandft {

// Where an output directory may be written, checked before work starts and again before it appears.

/// What may be done about a target that already exists.
enum class Existing {
  kRefuse,       // an input error, unless it is an empty directory
  kReplaceOurs,  // replaced if its marker says that expandft wrote it and that it is of the same
                 // kind, otherwise an input error
};

/// The target with links at its end resolved: what a link leads to is replaced, not the link. Input
/// error for a path that names no directory ("..").
fs::path resolve_target(const fs::path& given);

/// Whether a (resolved) target exists and may be replaced; false if it does not exist. Otherwise an
/// input error. A mount point, and a directory that holds the home or the working directory, can
/// never be replaced, whatever `existing` says.
bool can_replace(const fs::path& target, Existing existing, OutputKind kind);

/// Refuses a target that can_replace refuses, a parent folder that cannot be written (a failure),
/// and a disk without room for `needed_bytes` (a failure that says how much is free).
void check_target(const fs::path& target, std::uint64_t needed_bytes, Existing existing,
                  OutputKind kind);
/// The same for a model that the user names a target for. Whatever `existing` says, also refuses a
/// target that is, contains or is inside one of the `inputs`, and one inside a run directory; links
/// and ".." are followed.
void check_model_target(const fs::path& target, std::uint64_t needed_bytes, Existing existing,
                        const std::vector<fs::path>& inputs);
/// The same for a model that becomes a file. A file that exists is refused unless
/// `can_replace_file` says that it may be replaced; a directory always is.
void check_model_file_target(const fs::path& target, std::uint64_t needed_bytes,
                             const std::function<bool(const fs::path&)>& can_replace_file,
                             const std::vector<fs::path>& inputs);

}  // namespace expandft
