#pragma once

#include "base/files.h"

#include <optional>
#include <string>

namespace expandft {

/// What an output directory holds, as its marker file ".expandft" says.
enum class OutputKind { kRun, kModel, kAdapter, kSnapshot };

/// "a run", "a model".
std::string name_of(OutputKind kind);

/// Marks a directory as written by expandft.
void write_marker(const fs::path& directory, OutputKind kind);
/// The kind that the directory's marker names; none without a valid marker.
std::optional<OutputKind> kind_of(const fs::path& directory);
/// Whether the directory's marker says that expandft wrote it and that it is of this kind.
bool is_ours(const fs::path& directory, OutputKind kind);

/// The run directory that contains a path, at any depth; links and ".." are followed, and the path
/// itself does not count. A run is recognised by its marker or its config.resolved.json.
std::optional<fs::path> run_around(const fs::path& path);

}  // namespace expandft
