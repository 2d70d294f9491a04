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
/// The step that a snapshot's name tells, or -1.
std::int64_t step_of(const fs::path& snapshot);

/// Writes the snapshot of `state.step` whole or not at all: parameters.safetensors,
/// optimizer.safetensors, state.json with the state and `identity`. Then removes all but the newest
/// `keep` and the one with the lowest validation loss. All ranks call this; rank 0 writes.
void save_snapshot(const fs::path& run, const TrainingState& state, const AdamW& optimizer,
                   const Json& identity, std::int64_t keep);

/// The folders of a run that are named as snapshots are, newest first, whole or not.
std::vector<fs::path> snapshot_folders(const fs::path& run);
/// Whether a folder has our marker and a state.json.
bool is_snapshot(const fs::path& folder);

/// The newest of those that look whole.
std::optional<fs::path> newest_snapshot(const fs::path& run);
/// Renames the snapshot of a step, if there is one, to "step-NNNNNN.<why>": it is none any more,
/// the step can be saved again, and nothing is destroyed.
void set_aside_snapshot(const fs::path& run, std::int64_t step, const std::string& why);

/// state.json of a snapshot.
struct SavedState {
  TrainingState state;
  Json identity;
};
/// Input error when it is damaged, or names another step than its folder.
SavedState read_state(const fs::path& snapshot);

/// Input error that lists what differs between the identity that a snapshot was made under and this
/// run's, but for the JSON paths in `free`; returns what differs among those.
std::vector<std::string> check_identity(const Json& saved, const Json& now,
                                        const fs::path& snapshot,
                                        const std::vector<std::string>& free = {});

/// Input error when a snapshot's weights are damaged or not those of the parameters; the same of
/// its moments.
void check_weights(const fs::path& snapshot, const NamedTensors& parameters);
void check_moments(const fs::path& snapshot, const NamedTensors& parameters);
/// Gives the optimizer the weights and moments of a snapshot of `step` that were checked. With
/// several ranks, rank 0 calls this, and the others AdamW::restore.
void load_tensors(const fs::path& snapshot, std::int64_t step, AdamW& optimizer);
/// The same of the weights alone, and AdamW::restore_weights.
void load_weights(const fs::path& snapshot, AdamW& optimizer);
/// Gives the optimizer a snapshot's tensors, after the checks of read_state, check_identity,
/// check_weights and check_moments, and returns its state. Whether the data has the state's
/// position is BatchStream::seek's to say.
TrainingState load_snapshot(const fs::path& snapshot, const NamedTensors& parameters,
                            AdamW& optimizer, const Json& identity);

/// Bytes that a snapshot takes: so many weights and their two moments, fp32.
std::uint64_t snapshot_bytes(std::int64_t parameters);

/// What must not change between a snapshot and its continuation: the fingerprints of the base, of
/// the training data and of the text held on ("": none), and the keys of the resolved config that
/// the weights depend on: of data.train, weights and templates. How long the run goes on
/// (training.epochs, max_steps, early_stopping_patience) is no part of it.
Json snapshot_identity(const Json& resolved_config, const std::string& base_fingerprint,
                       const std::string& data_fingerprint,
                       const std::string& retention_fingerprint);

}  // namespace expandft
