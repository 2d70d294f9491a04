#pragma once

// Catch2 v2 (Debian 12) and v3 differ in their headers only, as far as these tests go.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
