#pragma once

#include "base/files.h"
#include "base/json.h"
#include "config/strength.h"

#include <optional>
#include <string>

namespace expandft {

/// The file in which a model that expandft wrote says how it was made: docs/formats.md.
inline constexpr const char* kModelInfoFile = "expandft.json";
/// Its "format" where MLPs were widened, and where weights were changed or layers added.
inline constexpr const char* kMergedFormat = "expandft-merged";
inline constexpr const char* kTunedFormat = "expandft-tuned";

/// expandft.json of a model of kTunedFormat. `base`: its path or name.
void write_tuned_info(const fs::path& directory, const std::string& base, const Strength& strength);

/// The strength that a model was written at; none where it does not say so, as what others wrote.
/// Input error for a file that cannot be read.
std::optional<Strength> written_strength(const fs::path& model);

}  // namespace expandft
