#pragma once

#include "base/json.h"
#include "training/batch_stream.h"
#include "training/health.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

struct Validation {
  std::int64_t step = 0;
  double loss = 0;  // nats per target
};

/// The validation results that decide the best step and early stopping. Each snapshot saves them,
/// so a resumed run finds the same best step and stops at the same step as an uninterrupted one.
struct ValidationHistory {
  std::string data;                // fingerprint of the validation data; "": there is none
  std::optional<Validation> last;  // the newest
  std::optional<Validation> best;  // the lowest finite loss after step 0; the first of equal ones
  std::int64_t since_best = 0;     // validations after step 0 since the best

  /// Records a validation; returns whether it is the best so far.
  bool add(const Validation& validation);
  /// Whether the last `patience` validations brought no lower loss. 0: never.
  bool is_exhausted(std::int64_t patience) const;
};

/// The state of a run between two steps, except its tensors.
struct TrainingState {
  std::int64_t step = 0;  // steps done
  StreamPosition position;
  std::int64_t tokens = 0, targets = 0;     // trained on so far
  double first_loss = 0, last_loss = 0;     // of the first and the newest step; 0 before the first
  std::optional<double> validation_before;  // loss before the first step, nats per target
  std::int64_t total_steps = 0;             // planned when the state was saved
  ValidationHistory validations;
  std::vector<double> gradient_norms;   // of the newest steps: GradientNorms::recent
  std::optional<LossScale> loss_scale;  // float16 only
};

/// As in state.json, which adds the identity. Losses that are not finite become null.
Json state_json(const TrainingState& state);
/// Input error or a JSON exception when it is not what state_json writes.
TrainingState parse_state(const Json& json);

}  // namespace expandft
