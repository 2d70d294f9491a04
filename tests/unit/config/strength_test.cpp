#include "config/strength.h"

#include "base/error.h"
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
  for (const Strength& strength : {Strength(), Strength(0), Strength(0.1), Strength(0.1, 0.7),
                                   Strength::of_layers({0.25, 0, 1})}) {
    CHECK(strength_of(strength_json(strength)) == strength);
    CHECK(parse_strength(strength.text()) == strength);
  }
  CHECK(strength_json(0.5) == Json(0.5));
  CHECK(strength_json({0, 1}) == Json("0:1"));
  for (const Json& json : {Json(2), Json("x"), Json(nullptr), Json::array()}) {
    CHECK_FALSE(strength_of(json));
  }
}

TEST_CASE("a strength can have a number for each layer", "[config]") {
  const auto layers = parse_strength("0.25,0,1");
  REQUIRE(layers);
  CHECK(layers->by_layer() == std::vector{0.25, 0.0, 1.0});
  CHECK_FALSE(layers->everywhere());
  CHECK(layers->at(1, 3) == 0);
  CHECK(layers->at(2, 3) == 1);
  CHECK(layers->at_depth(0.5) == 0);
  CHECK(layers->text() == "0.25,0,1");
  CHECK(strength_json(*layers) == Json({0.25, 0, 1}));
  CHECK_THROWS_AS(layers->at(1, 4), Error);
  CHECK_THROWS_AS(layers->check(2), Error);
  CHECK(Strength::of_layers({0.5, 0.5}).everywhere() == 0.5);
  for (const char* text : {"0.1,", ",0.1", "0.1,,0.2", "0.1,0.2:0.3", "0.1,2"}) {
    INFO(text);
    CHECK_FALSE(parse_strength(text));
  }
  for (const Json& json : {Json({0.1, 2}), Json({0.1, "0.2"})}) CHECK_FALSE(strength_of(json));
}

TEST_CASE("strengths are scaled together", "[config]") {
  const Strength layers = Strength::of_layers({0.2, 0.4, 0});
  CHECK(layers.at_full() == Strength::of_layers({0.5, 1, 0}));
  CHECK(layers.at_full().times(0.3) == Strength::of_layers({0.15, 0.3, 0}));
  CHECK(Strength(0.5).at_full() == Strength(1));
  CHECK(Strength(0).at_full() == Strength(0));
  CHECK(Strength(0.2, 0.4).times(0.5) == Strength(0.1, 0.2));
}
