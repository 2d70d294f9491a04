#pragma once

#include "base/files.h"
#include "base/json.h"
#include "model/adaptation.h"
#include "training/adamw.h"
#include "training/training_state.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The hint of errors about a damaged snapshot.
inline constexpr const char* kDeleteSnapshot =
    "delete this snapshot; the one before it will be used";

/// run/checkpoints/step-NNNNNN
fs::path snapshot_path(const fs::path& run, std::int64_t step);
/// The step in a snapshot's name; -1 when it is not named like a snapshot.
std::int64_t step_of(const fs::path& snapshot);

/// The folders of a run that are named like snapshots, newest first, complete or not.
std::vector<fs::path> snapshot_folders(const fs::path& run);
/// Whether a folder has expandft's marker and a state.json.
bool is_snapshot(const fs::path& folder);
/// The newest folder that is_snapshot.
std::optional<fs::path> newest_snapshot(const fs::path& run);
/// Renames the snapshot of a step, if there is one, to "step-NNNNNN.<why>": it is no longer used,
/// its step can be saved again, and nothing is lost.
void set_aside_snapshot(const fs::path& run, std::int64_t step, const std::string& why);

/// Writes the snapshot of `state.step`, all of it or nothing: parameters.safetensors,
/// optimizer.safetensors, and state.json with the state and `identity`. Then removes old snapshots:
/// the newest `keep` stay, and the one with the lowest validation loss. All ranks call this; rank 0
/// writes.
void save_snapshot(const fs::path& run, const TrainingState& state, const AdamW& optimizer,
                   const Json& identity, std::int64_t keep);
/// The size of a snapshot: float32 weights and two moments of `parameters` parameters, and with
/// training.ema their average.
std::uint64_t snapshot_bytes(std::int64_t parameters, bool has_average = false);

/// A snapshot's state.json.
struct SavedState {
  TrainingState state;
  Json identity;  // snapshot_identity of the run that wrote it
};
/// Input error when the file is damaged, or its step is not the folder's.
SavedState read_state(const fs::path& snapshot);

/// Input errors when the snapshot's weights (or moments, with the average if it should have one)
/// are damaged or do not match the parameters.
void check_weights(const fs::path& snapshot, const NamedTensors& parameters);
void check_moments(const fs::path& snapshot, const NamedTensors& parameters,
                   bool has_average = false);
/// Loads the weights and moments of a checked snapshot of `step`. Among several ranks rank 0 calls
/// this, and the others call AdamW::restore.
void load_tensors(const fs::path& snapshot, std::int64_t step, AdamW& optimizer);
/// Loads only the weights, or their average if the optimizer keeps one; the other ranks call
/// AdamW::restore_weights.
void load_weights(const fs::path& snapshot, AdamW& optimizer);

}  // namespace expandft
