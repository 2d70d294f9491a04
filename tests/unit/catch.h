#pragma once

// Catch2 v2 (Debian 12) and v3 differ in headers and some names, as far as these tests go.
#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
inline auto has_text(const std::string& part) {
  return Catch::Matchers::ContainsSubstring(part);
}
#else
#include <catch2/catch.hpp>
inline auto has_text(const std::string& part) {
  return Catch::Matchers::Contains(part);
}
#endif
