#include "base/process_start.h"

#include <charconv>
#include <fstream>
#include <string>
#include <system_error>

namespace expandft {

std::optional<std::uint64_t> start_ticks(long process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text, '\0');
  // Field 2, the command, is in parentheses and may hold blanks: count from its end.
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != text.npos; ++field) at = text.find(' ', at + 1);
  if (at == text.npos) return std::nullopt;
  std::uint64_t ticks = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + at + 1, end, ticks);
  if (error != std::errc()) return std::nullopt;
  return ticks;
}

}  // namespace expandft
