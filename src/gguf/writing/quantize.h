#pragma once

#include "gguf/quantization.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// The types that tensors can be written in: F32, F16, BF16, Q8_0 and Q4_0.
const std::vector<GgufType>& written_gguf_types();
/// "Q8_0", or "q8_0" as llama.cpp's converter spells it; nothing for other names.
std::optional<GgufType> written_gguf_type(std::string_view name);
/// The number of a file's type (general.file_type) that is mostly of this type.
std::int64_t gguf_file_type(GgufType type);

/// Whether every number of type `from` (F32, F16 or BF16) is one of type `to`.
bool holds_exactly(GgufType to, GgufType from);

/// Writes the numbers of whole blocks in a type that can be written: the inverse of dequantize.
/// For finite numbers bit for bit what the gguf package's quantize returns: F16 and BF16 are
/// rounded to nearest even; of Q8_0 and Q4_0 each product and sum is rounded to fp32. A number that
/// is too large for the type becomes infinite, a block's scale too.
void quantize(GgufType type, std::span<const float> from, std::span<std::byte> to);

}  // namespace expandft
