#pragma once

#include "base/json.h"
#include "training/batch_stream.h"
#include "training/loss_scale.h"
#include "training/validation_history.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace expandft {

/// Where a run stands between two steps, but for tensors.
struct TrainingState {
  std::int64_t step = 0;  // steps done
  StreamPosition position;
  std::int64_t tokens = 0, targets = 0;     // trained on so far
  double first_loss = 0, last_loss = 0;     // of the first step and of this one; 0 before the first
  std::optional<double> validation_before;  // nats a target, before the first step
  std::int64_t total_steps = 0;             // that the run was to take then
  ValidationHistory validations;
  std::vector<double> gradient_norms;   // of the newest steps: GradientNorms::recent
  std::optional<LossScale> loss_scale;  // in float16
};

/// As in state.json, without the identity.
Json state_json(const TrainingState& state);
/// Input error, or an exception of Json's, when it is not what state_json makes.
TrainingState parse_state(const Json& json);

}  // namespace expandft
