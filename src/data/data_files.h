#pragma once

#include "base/files.h"

#include <optional>
#include <vector>

namespace expandft {

enum class DataForm { kPlainText, kJsonLines };

/// The file name endings with a known form, for messages.
inline constexpr const char* kDataEndings =
    ".jsonl or .json (JSON lines), or .txt, .text or .md (plain text); each may be followed by .gz";

/// The form by a file's ending, if known.
std::optional<DataForm> data_form(const fs::path& file);

/// The files of a data source, in an order that does not depend on the file system.
/// - A file: itself, whatever its ending.
/// - A folder: its files, and those of its subfolders, that have a known ending. Hidden files are
///   skipped, and links to folders are not followed.
/// - Otherwise a glob ('*', '?', '[…]', not across '/'): the files that it matches, hidden ones
/// only
///   if the pattern has the dot. A name that exists as written is not a pattern.
/// Input error, with an empty `where`, when there is none.
std::vector<fs::path> find_data_files(const fs::path& path);

}  // namespace expandft
