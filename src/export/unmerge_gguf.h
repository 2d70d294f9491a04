#pragma once

#include "base/files.h"
#include "gguf/import.h"

namespace expandft {

/// A merged GGUF file, opened with the dtype that keeps its numbers. Input error for files that
/// expandft did not write, and for those whose numbers were rounded to a type other than F32 and
/// BF16.
GgufImport open_merged_gguf(const fs::path& file);

/// Restores the base of a merged GGUF file into `directory`, which must exist, as write_unmerged
/// does for a directory. The tensors are the base's, byte for byte (by its fingerprint);
/// config.json too; the tokenizer is the one in the file. Errors of write_unmerged; failure also
/// where the base had tensors, or numbers, that no GGUF file keeps.
void write_unmerged_gguf(const fs::path& directory, const GgufImport& merged);

}  // namespace expandft
