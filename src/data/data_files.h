#pragma once

#include "base/files.h"

#include <optional>
#include <vector>

namespace expandft {

enum class DataForm { kPlainText, kJsonLines };

/// The endings that name a form, in words.
inline constexpr const char* kDataEndings =
    ".jsonl or .json (JSON lines), or .txt, .text or .md (plain text); each may be followed by .gz";

/// The form that a file's ending names, if it names one.
std::optional<DataForm> data_form(const fs::path& file);

/// The files of a data source, in an order that does not depend on the file system.
/// - A file: itself, whatever its ending.
/// - A folder: its files and those of its subfolders that have a known ending. Hidden ones are
///   skipped, and folders that are links are not entered.
/// - Else a glob ('*', '?', '[…]', not across '/'): the files that it matches; hidden ones only
///   where the pattern has the dot. A name that is there as it is written is no pattern.
/// Input error, without a place, when there is none.
std::vector<fs::path> find_data_files(const fs::path& path);

}  // namespace expandft
