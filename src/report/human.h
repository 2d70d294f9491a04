#pragma once

#include <string>

namespace expandft {

// Numbers for people. NaN, infinities and negative durations are shown as "?".
std::string human_duration(double seconds);  // "1 h 03 min", "4.2 s", "12 ms"
std::string human_count(double number);      // "1.2 M", "260 K", "7"
std::string human_bytes(double bytes);       // "1.3 GB" (decimal)
std::string percent(double share);           // 0.0123 is "1.2%"
std::string fixed(double number, int decimals);
std::string signed_fixed(double number, int decimals);  // "+0.12", for differences

}  // namespace expandft
