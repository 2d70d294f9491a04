#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace expandft {

/// A count with its noun, given in the singular: "1 row", "2 rows", "0 copies", "3 classes".
std::string counted(std::int64_t count, std::string_view noun);

}  // namespace expandft
