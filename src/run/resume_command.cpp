#include "run/resume_command.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace expandft {

std::string shell_word(const std::string& word) {
  const bool plain = std::ranges::all_of(word, [](unsigned char c) {
    return c < 128 && (std::isalnum(c) != 0 || std::strchr("_@%+=:,./-", c) != nullptr);
  });
  if (plain && !word.empty()) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace expandft
