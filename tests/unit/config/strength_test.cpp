#include "config/strength.h"

#include "catch.h"

using namespace expandft;

TEST_CASE("a strength is one number, or a line over depth", "[config]") {
  CHECK(parse_strength("0.5") == Strength(0.5));
  CHECK(parse_strength("0:1") == Strength(0, 1));
  CHECK(parse_strength("1:0.25") == Strength(1, 0.25));
  for (const char* text : {"", "a", "1.5", "-0.1", "0.5:", ":1", "0:1:1", "0:2", "nan", "0,5"}) {
    INFO(text);
    CHECK_FALSE(parse_strength(text));
  }
}

TEST_CASE("a line goes from the first layer to the last", "[config]") {
  const Strength line(0.2, 1);
  CHECK(line.at(0, 5) == 0.2);
  CHECK(line.at(2, 5) == Approx(0.6));
  CHECK(line.at(4, 5) == 1.0);
  CHECK(line.at(0, 1) == 0.2);
  CHECK(Strength(0.3).at(3, 7) == 0.3);
}

TEST_CASE("a strength survives being written and read", "[config]") {
  for (const Strength& strength : {Strength(), Strength(0), Strength(0.1), Strength(0.1, 0.7)}) {
    CHECK(strength_of(strength_json(strength)) == strength);
    CHECK(parse_strength(strength_text(strength)) == strength);
  }
  CHECK(strength_json(0.5) == Json(0.5));
  CHECK(strength_json({0, 1}) == Json("0:1"));
  for (const Json& json : {Json(2), Json("x"), Json(nullptr), Json::array()}) {
    CHECK_FALSE(strength_of(json));
  }
}
