#pragma once

#include "base/files.h"
#include "base/json.h"
#include "config/run_config.h"
#include "config/strength.h"
#include "config/training_method.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The file in which a model that expandft wrote says how it was made: docs/formats.md.
inline constexpr const char* kModelInfoFile = "expandft.json";
/// Its "format" where MLPs were widened, and where weights were changed or layers added.
inline constexpr const char* kMergedFormat = "expandft-merged";
inline constexpr const char* kTunedFormat = "expandft-tuned";
/// The hint of errors about a damaged merged model.
inline constexpr const char* kMergeAgain = "the model is damaged: merge it again";

/// expandft.json of a merged model: which base was widened how, and whether unmerge can restore it.
struct MergedInfo {
  std::string base_model, base_fingerprint, base_config;  // base_config: config.json's own bytes
  std::vector<std::int64_t> layers;                       // that grew, ascending
  std::int64_t copies = 2;                                // k, the original included
  /// Narrow growth: of each layer of `layers`, how many neurons were copied. Empty: all of them.
  std::vector<std::int64_t> widths = {};
  std::int64_t intermediate_size = 0;  // of the base
  Strength strength;
  Layout layout = Layout::kNative;  // never kAuto
  Method method = Method::kNew;     // one that widens MLPs
  /// Whether unmerge restores the base bit for bit: the originals were not trained, and the base's
  /// share of down is a power of two.
  bool reversible = true;
};

/// Input error when the directory holds no model that expandft merged, or a damaged expandft.json.
MergedInfo read_merged_info(const fs::path& directory);
void write_merged_info(const fs::path& directory, const MergedInfo& info);
/// What write_merged_info writes.
Json merged_info_json(const MergedInfo& info);

/// Writes expandft.json of a model of kTunedFormat. `base`: its path or name.
void write_tuned_info(const fs::path& directory, const std::string& base, const Strength& strength);
/// What write_tuned_info writes.
Json tuned_info_json(const std::string& base, const Strength& strength);

/// The strength that a model was written at; none if it does not say so (models of other programs).
/// Input error for a file that cannot be read.
std::optional<Strength> written_strength(const fs::path& model);

}  // namespace expandft
