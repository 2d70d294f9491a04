#pragma once

#include <string_view>

namespace expandft::jinja {

struct SpecialCase {
  char32_t code;
  std::u32string_view upper, title;
};

/// A character whose upper or title case is several characters; nullptr for all others.
const SpecialCase* special_case(char32_t code);

}  // namespace expandft::jinja
