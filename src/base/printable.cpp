#include "base/printable.h"

#include <algorithm>
#include <cstddef>

namespace expandft {

std::string printable(std::string_view text, std::string_view kept) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    const bool is_second_page = byte == 0xC2 && i + 1 < text.size() &&
                                static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                                static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_second_page) byte = static_cast<unsigned char>(text[++i]);
    const bool is_control = is_second_page || byte < 0x20 || byte == 0x7F;
    if (is_control && (is_second_page || kept.find(text[i]) == std::string_view::npos)) {
      out += {'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 0xF]};
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string quoted_list(const std::vector<std::string>& names, std::size_t most) {
  const std::size_t shown = std::min(most, names.size());
  const std::size_t more = names.size() - shown;
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += i + 1 == shown && more == 0 ? " and " : ", ";
    out += '"' + names[i] + '"';
  }
  return more > 0 ? out + " and " + std::to_string(more) + " more" : out;
}

}  // namespace expandft
