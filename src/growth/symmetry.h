#pragma once

#include "growth/plan.h"
#include "model/adaptation.h"

#include <cstdint>

namespace expandft {

/// Equal copies get equal gradients, and would stay equal for ever. With more than one copy beside
/// the original, adds to their down normal noise of `noise` times down's root mean square that sums
/// to zero over a layer's copies: together they compute what they did, up to rounding. `tensors` as
/// initial_tensors gives them; what is changed becomes fp32. With one copy nothing changes.
void break_symmetry(NamedTensors& tensors, const ExpansionPlan& plan, double noise,
                    std::uint64_t seed);

}  // namespace expandft
