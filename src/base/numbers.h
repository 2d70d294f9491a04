#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace expandft {

/// The whole text as a finite number, in the form of the C locale.
std::optional<double> parse_number(std::string_view text);
/// The shortest text that reads back as the same number.
std::string shortest_text(double number);

}  // namespace expandft
