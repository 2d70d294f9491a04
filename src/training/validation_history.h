#pragma once

#include "base/json.h"

#include <cstdint>
#include <optional>
#include <string>

namespace expandft {

struct Validation {
  std::int64_t step = 0;
  double loss = 0;  // nats a target
};

/// What the validations of a run have shown. It is saved with each snapshot, so that a resumed run
/// finds the same best step, and the same end, as one left alone.
struct ValidationHistory {
  std::string data;                // fingerprint of what was validated on; "": nothing
  std::optional<Validation> last;  // of all
  std::optional<Validation> best;  // the lowest finite loss after step 0, of equals the first
  std::int64_t since_best = 0;     // validations after step 0 since then

  /// Takes a validation in; whether it is the best so far.
  bool add(const Validation& validation);
  /// Whether there were `early_stopping_patience` validations in a row without a lower loss. 0:
  /// never.
  bool is_exhausted(std::int64_t patience) const;
};

/// As in state.json. A loss that is no number is null.
Json history_json(const ValidationHistory& history);
/// Input error, or an exception of Json's, when it is not what history_json makes.
ValidationHistory parse_history(const Json& json);

}  // namespace expandft
