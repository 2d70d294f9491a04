#pragma once

#include "training/snapshot.h"

#include <string>
#include <vector>

namespace expandft {

/// What must be the same when a run resumes from a snapshot: the fingerprints of the base, the
/// training data and the retention text ("": none), and the config keys that the weights depend on;
/// of data.train the weights and templates. The length of the run (training.epochs, max_steps,
/// early_stopping_patience) is not part of it, and neither are paths.
Json snapshot_identity(const Json& resolved_config, const std::string& base_fingerprint,
                       const std::string& data_fingerprint,
                       const std::string& retention_fingerprint);

/// Compares a snapshot's identity with this run's. Input error that lists all differences, except
/// those of the JSON paths in `free`; these are returned.
std::vector<std::string> check_identity(const Json& saved, const Json& now,
                                        const fs::path& snapshot,
                                        const std::vector<std::string>& free = {});

/// Resumes a run from its newest whole snapshot: weights, moments, and the position in the data.
/// Returns its state, with the total steps under the present config. All ranks call this; rank 0
/// reads. Damaged snapshots are renamed, with a warning that says why. Input errors, which change
/// nothing: no snapshot is whole; the identity differs; the config wants fewer steps than are done.
TrainingState resume_run(const fs::path& run, const NamedTensors& parameters, AdamW& optimizer,
                         BatchStream& stream, const TrainingConfig& training, const Json& identity);

/// Loads the weights of a step's snapshot, on all ranks. False, with a warning, when the snapshot
/// is damaged: the weights stay as they are.
bool load_best_weights(const fs::path& run, std::int64_t step, const NamedTensors& parameters,
                       AdamW& optimizer);

}  // namespace expandft
