#pragma once

#include "base/files.h"
#include "base/json.h"
#include "model/adaptation.h"
#include "training/adamw.h"
#include "training/batch_stream.h"

#include <cstdint>
#include <optional>

namespace expandft {

/// Where a run stands between two steps, but for tensors.
struct TrainingState {
  std::int64_t step = 0;  // steps done
  StreamPosition position;
  std::int64_t tokens = 0, targets = 0;     // trained on so far
  double first_loss = 0, last_loss = 0;     // of the first step and of this one; 0 before the first
  std::optional<double> validation_before;  // nats a target, before the first step
};

/// The hint of errors about a damaged snapshot.
inline constexpr const char* kDeleteSnapshot =
    "delete this snapshot; the one before it will be used";

/// Writes run/checkpoints/step-NNNNNN whole or not at all: parameters.safetensors,
/// optimizer.safetensors, state.json with the state and `identity`. Then removes older ones past
/// the newest `keep`.
void save_snapshot(const fs::path& run, const TrainingState& state, const NamedTensors& parameters,
                   const AdamW& optimizer, const Json& identity, std::int64_t keep);

/// The newest snapshot of a run directory, if there is one. Folders without our marker or
/// state.json are none.
std::optional<fs::path> newest_snapshot(const fs::path& run);

/// Copies a snapshot's tensors into the live ones and returns its state. An input error when it was
/// made under another `identity` (it lists the differing keys), is damaged, or does not fit the
/// tensors. Whether the data has the state's position is BatchStream::seek's to say.
TrainingState load_snapshot(const fs::path& snapshot, const NamedTensors& parameters,
                            AdamW& optimizer, const Json& identity);

/// Bytes that a snapshot takes: the parameters and two moments, fp32.
std::uint64_t snapshot_bytes(const NamedTensors& parameters);

/// What must not change between a snapshot and its continuation: the fingerprints of the base, of
/// the training data and of the text held on ("": none), and the keys of the resolved config that
/// the weights depend on: of data.train, weights and templates.
Json snapshot_identity(const Json& resolved_config, const std::string& base_fingerprint,
                       const std::string& data_fingerprint,
                       const std::string& retention_fingerprint);

}  // namespace expandft
