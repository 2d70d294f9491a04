#include "report/human.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace expandft {
namespace {

/// "12 min 05 s" for a count of the smaller unit.
std::string two_units(std::int64_t total, std::int64_t per_large, const char* large,
                      const char* small) {
  const std::int64_t rest = total % per_large;
  return std::to_string(total / per_large) + " " + large + (rest < 10 ? " 0" : " ") +
         std::to_string(rest) + " " + small;
}

/// At most three digits, with the smallest prefix that allows it.
template <std::size_t Count>
std::string scaled(double number, const std::array<const char*, Count>& units) {
  if (!std::isfinite(number)) return "?";
  std::size_t unit = 0;
  const double size = std::abs(number);
  double divisor = 1;
  // Rounding must not show 1000 K: 999,950 is 1.0 M.
  while (unit + 1 < Count && size / divisor >= 999.5) {
    divisor *= 1000;
    ++unit;
  }
  const double value = number / divisor;
  const bool is_whole = unit == 0 && std::trunc(value) == value;
  std::string text = fixed(value, is_whole || std::abs(value) >= 99.95 ? 0 : 1);
  if (*units[unit] != '\0') text += std::string(" ") + units[unit];
  return text;
}

}  // namespace

std::string fixed(double number, int decimals) {
  if (!std::isfinite(number)) return std::isnan(number) ? "nan" : number < 0 ? "-inf" : "inf";
  const int length = std::snprintf(nullptr, 0, "%.*f", decimals, number);
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  text.pop_back();
  return text;
}

std::string signed_fixed(double number, int decimals) {
  std::string text = fixed(number, decimals);
  const bool is_zero = text.find_first_not_of("-0.") == text.npos;
  if (is_zero) return text.front() == '-' ? text.substr(1) : text;
  if (number > 0) text.insert(text.begin(), '+');
  return text;
}

std::string human_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e15) return "?";
  if (seconds < 0.0995) return fixed(seconds * 1000, 0) + " ms";
  if (seconds < 9.95) return fixed(seconds, 1) + " s";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return two_units(whole, 60, "min", "s");
  const auto minutes = static_cast<std::int64_t>(std::llround(seconds / 60));
  if (minutes < 24 * 60) return two_units(minutes, 60, "h", "min");
  return two_units(static_cast<std::int64_t>(std::llround(seconds / 3600)), 24, "d", "h");
}

std::string human_count(double number) {
  return scaled(number, std::array{"", "K", "M", "B", "T"});
}

std::string human_bytes(double bytes) {
  return scaled(bytes, std::array{"B", "kB", "MB", "GB", "TB", "PB"});
}

std::string percent(double share) {
  return std::isfinite(share) ? fixed(share * 100, 1) + "%" : "?";
}

}  // namespace expandft
