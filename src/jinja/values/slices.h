#pragma once

#include "jinja/values/runtime.h"

namespace expandft::jinja {

/// value[start:stop:step] of a str, list, tuple or range; bounds may be None. Input errors: values
/// without slices, a step of 0, bounds that are no integers.
Value slice_of(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
               const Value& step);

}  // namespace expandft::jinja
