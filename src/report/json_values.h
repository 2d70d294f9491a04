#pragma once

#include "base/json.h"

#include <optional>
#include <string>

namespace expandft {

/// The number at a key of an object; none where there is none.
std::optional<double> number_at(const Json& json, const char* key);

/// The text at a key of an object; "" where there is none.
std::string text_at(const Json& json, const char* key);

}  // namespace expandft
