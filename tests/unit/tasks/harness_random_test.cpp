// Draws equal those of Python's random (tests/golden/metrics/samples.json).
#include "base/expect_error.h"
#include "catch.h"
#include "metrics/metric_golden.h"
#include "tasks/few_shot.h"

using namespace expandft;

namespace {

std::vector<std::size_t> drawn(HarnessRandom& random, const Json& draw) {
  return random.sample(draw["size"].get<std::size_t>(), draw["count"].get<std::size_t>());
}

}  // namespace

TEST_CASE("samples equal Python's, one after another", "[harness_random][golden]") {
  const Json golden = metric_golden("samples");
  REQUIRE(golden["seeds"].size() >= 8);
  for (const Json& row : golden["seeds"]) {
    INFO("seed " << row["seed"]);
    HarnessRandom random(row["seed"].get<std::uint64_t>());
    for (const Json& draw : row["draws"]) {
      INFO(draw["count"] << " of " << draw["size"]);
      CHECK(drawn(random, draw) == draw["drawn"].get<std::vector<std::size_t>>());
    }
  }
}

TEST_CASE("samples equal Python's after many draws", "[harness_random][golden]") {
  const Json golden = metric_golden("samples")["after_400"];
  HarnessRandom random(golden["seed"].get<std::uint64_t>());
  for (int i = 0; i < 399; ++i) drawn(random, golden);
  CHECK(drawn(random, golden) == golden["drawn"].get<std::vector<std::size_t>>());
}

TEST_CASE("no more can be drawn than there is", "[harness_random]") {
  HarnessRandom random(0);
  expect_input_error([&] { random.sample(4, 5); }, {"cannot draw 5 different examples from 4"});
  CHECK(random.sample(0, 0).empty());
}
