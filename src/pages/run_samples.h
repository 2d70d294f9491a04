#pragma once

#include "base/json.h"

#include <string>

namespace expandft {

/// The section of a run's samples, [{"prompt", "base", "tuned"}] (texts): what base and tuned model
/// made of the same prompts, side by side. What is no such object is left out, and so is the
/// section where there is none.
std::string samples_html(const Json& samples);

}  // namespace expandft
