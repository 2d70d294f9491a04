#pragma once

#include "base/error.h"

#include <string>

#include <ATen/ATen.h>

namespace expandft {

/// The failure of a model that gives what is no finite number: `what` it gives ("a log-probability
/// that is not finite"), `where`, and a hint by the dtype that it computes in.
Error not_finite_error(const std::string& what, const std::string& where,
                       at::ScalarType compute_dtype);

}  // namespace expandft
