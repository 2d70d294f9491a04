#pragma once

#include "base/files.h"
#include "base/json.h"
#include "config/fields.h"

#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// Where a value of a resolved config came from; kAutomatic: chosen by the program for "auto".
enum class ValueSource { kDefault, kConfig, kCommandLine, kAutomatic };

/// What reading a file gave, besides the members set.
struct FieldValues {
  Json resolved;  // every key, in the table's order
  std::vector<std::pair<std::string, ValueSource>> value_sources;  // of every leaf
};

/// Reads a document and "key=value" overrides (JSON, or else a bare text) into the members. All
/// problems are listed in one input error. The document's paths are relative to the folder of
/// `file`, those of overrides to the working folder.
FieldValues read_fields(const FieldTable& table, const Json& document, const fs::path& file,
                        const std::vector<std::string>& overrides = {});

}  // namespace expandft
