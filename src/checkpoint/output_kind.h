#pragma once

#include "base/files.h"

#include <optional>
#include <string>

namespace expandft {

/// What an output directory holds; its marker file, ".expandft", says so.
enum class OutputKind { kRun, kModel, kAdapter, kSnapshot };

/// "a run", "a model".
std::string name_of(OutputKind kind);

/// Marks a directory as one that expandft wrote.
void write_marker(const fs::path& directory, OutputKind kind);
/// The kind that a directory's marker names, if it has one of ours.
std::optional<OutputKind> kind_of(const fs::path& directory);
/// Whether the directory's marker says that expandft wrote it, and that it is of this kind.
bool is_ours(const fs::path& directory, OutputKind kind);

/// The run directory that a path lies in, at any depth, links and ".." followed; the path itself
/// does not count. A run is known by its marker or its config.resolved.json.
std::optional<fs::path> run_around(const fs::path& path);

}  // namespace expandft
