#pragma once

#include "export/gguf_file.h"
#include "run/make_model.h"

#include <cstdint>
#include <functional>

namespace expandft {

/// Checks a file that was written; the second path is an empty folder for its use.
using CheckGguf = std::function<GgufCheck(const fs::path& written, const fs::path& scratch)>;

/// Writes a GGUF file, checks it, reports the check's notices, and makes it appear: whole, or not
/// at all, as model directories (make_model.h). `report` may throw.
LogitDifference write_gguf_model(const fs::path& output, const GgufExport& gguf,
                                 const CheckGguf& check,
                                 const std::function<void(const Notices&)>& report,
                                 OnSignal on_signal = {});

/// About how many bytes a model takes in a form, given those in the checkpoint's dtype.
std::uint64_t bytes_in_form(std::uint64_t bytes, const OutputForm& form, Dtype dtype);
FoldedSize size_in_form(const FoldedSize& size, const OutputForm& form, Dtype dtype);

}  // namespace expandft
