#include "report/human.h"

#include "catch.h"

#include <limits>

using namespace expandft;

namespace {
constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("durations", "[report]") {
  CHECK(human_duration(0) == "0 ms");
  CHECK(human_duration(0.0123) == "12 ms");
  CHECK(human_duration(0.0996) == "0.1 s");
  CHECK(human_duration(4.2) == "4.2 s");
  CHECK(human_duration(9.96) == "10 s");
  CHECK(human_duration(59.4) == "59 s");
  CHECK(human_duration(59.6) == "1 min 00 s");
  CHECK(human_duration(185) == "3 min 05 s");
  CHECK(human_duration(3599.6) == "1 h 00 min");
  CHECK(human_duration(3780) == "1 h 03 min");
  CHECK(human_duration(86399) == "1 d 00 h");
  CHECK(human_duration(86400 * 2.5) == "2 d 12 h");
  for (const double strange : {-1.0, kNoNumber, kInfinity, 1e300})
    CHECK(human_duration(strange) == "?");
}

TEST_CASE("counts and bytes", "[report]") {
  CHECK(human_count(0) == "0");
  CHECK(human_count(7) == "7");
  CHECK(human_count(7.26) == "7.3");
  CHECK(human_count(999) == "999");
  CHECK(human_count(999.6) == "1.0 K");
  CHECK(human_count(1234567) == "1.2 M");
  CHECK(human_count(260032) == "260 K");
  CHECK(human_count(99960) == "100 K");
  CHECK(human_count(999950) == "1.0 M");
  CHECK(human_count(6.7e10) == "67.0 B");
  CHECK(human_count(5e15) == "5000 T");
  CHECK(human_count(-1500) == "-1.5 K");
  CHECK(human_count(kNoNumber) == "?");
  CHECK(human_bytes(512) == "512 B");
  CHECK(human_bytes(1.3e9) == "1.3 GB");
  CHECK(human_bytes(260000) == "260 kB");
  CHECK(human_bytes(kInfinity) == "?");
}

TEST_CASE("fixed decimals, differences and shares", "[report]") {
  CHECK(fixed(1.2345, 2) == "1.23");
  CHECK(fixed(kNoNumber, 2) == "nan");
  CHECK(fixed(-kInfinity, 2) == "-inf");
  CHECK(signed_fixed(0.126, 2) == "+0.13");
  CHECK(signed_fixed(-0.126, 2) == "-0.13");
  CHECK(signed_fixed(-0.001, 2) == "0.00");
  CHECK(signed_fixed(0.001, 2) == "0.00");
  CHECK(percent(0.0123) == "1.2%");
  CHECK(percent(kNoNumber) == "?");
}
