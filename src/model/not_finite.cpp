#include "model/not_finite.h"

namespace expandft {
namespace {

const char* hint_for(at::ScalarType compute_dtype) {
  switch (compute_dtype) {
    case at::kHalf:
      return "float16 holds no number above 65504, and the model may compute larger ones: try "
             "--precision bfloat16 or float32";
    case at::kFloat:
      return "its weights are at fault: they hold NaN or infinity, or are far too large";
    default:
      return "its weights or its precision are at fault: try --precision float32";
  }
}

}  // namespace

Error not_finite_error(const std::string& what, const std::string& where,
                       at::ScalarType compute_dtype) {
  return failure("the model gives " + what, where, hint_for(compute_dtype));
}

}  // namespace expandft
