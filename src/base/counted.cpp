#include "base/counted.h"

namespace expandft {

std::string counted(std::int64_t count, std::string_view noun) {
  std::string text = std::to_string(count) + " ";
  text += noun;
  if (count == 1) return text;
  const auto ends_in = [&](std::string_view end) { return noun.ends_with(end); };
  const bool vowel_before_y = ends_in("ay") || ends_in("ey") || ends_in("oy") || ends_in("uy");
  if (ends_in("y") && !vowel_before_y) {
    text.pop_back();
    return text + "ies";
  }
  return text + (ends_in("s") || ends_in("x") || ends_in("ch") || ends_in("sh") ? "es" : "s");
}

}  // namespace expandft
