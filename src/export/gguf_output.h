#pragma once

#include "export/gguf_file.h"

#include <cstdint>
#include <functional>

namespace expandft {

/// Checks a file that was written; the second path is an empty folder for its use.
using CheckGguf = std::function<GgufCheck(const fs::path& written, const fs::path& scratch)>;

/// Writes a GGUF file, checks it, reports the check's notices, and makes it appear: whole, or not
/// at all. `report` may throw. `on_signal` is called in place of a log line about the file.
LogitDifference write_gguf_model(const fs::path& output, const GgufExport& gguf,
                                 const CheckGguf& check,
                                 const std::function<void(const Notices&)>& report,
                                 std::function<void(int signal)> on_signal = {});

/// About how many bytes a model takes in a form, given those in the checkpoint's dtype.
std::uint64_t bytes_in_form(std::uint64_t bytes, const OutputForm& form, Dtype dtype);
FoldedSize size_in_form(const FoldedSize& size, const OutputForm& form, Dtype dtype);

}  // namespace expandft
