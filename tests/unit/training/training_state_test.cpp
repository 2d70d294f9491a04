#include "training/training_state.h"

#include "catch.h"

#include <cmath>
#include <limits>

namespace expandft {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("the best validation is the lowest after step 0, and the first of equal ones") {
  ValidationHistory history;
  CHECK_FALSE(history.add({0, 0.5}));  // the base's, lower than any later one
  CHECK_FALSE(history.best);
  CHECK(history.since_best == 0);
  CHECK(history.add({10, 2.0}));
  CHECK(history.add({20, 1.0}));
  CHECK_FALSE(history.add({30, 1.0}));
  CHECK_FALSE(history.add({40, 1.5}));
  CHECK(history.best->step == 20);
  CHECK(history.best->loss == 1.0);
  CHECK(history.last->step == 40);
  CHECK(history.since_best == 2);
}

TEST_CASE("a loss that is not finite is never the best") {
  ValidationHistory history;
  CHECK_FALSE(history.add({1, kNan}));
  CHECK_FALSE(history.add({2, std::numeric_limits<double>::infinity()}));
  CHECK(history.since_best == 2);
  CHECK(history.add({3, 9.0}));
  CHECK_FALSE(history.add({4, kNan}));
  CHECK(history.best->step == 3);
}

TEST_CASE("patience counts validations without a lower loss") {
  ValidationHistory history;
  const double losses[] = {3, 2, 2.5, 1.9, 2, 2, 2};
  std::vector<bool> exhausted;
  for (std::size_t i = 0; i < std::size(losses); ++i) {
    history.add({static_cast<std::int64_t>(i) + 1, losses[i]});
    exhausted.push_back(history.is_exhausted(2));
    CHECK_FALSE(history.is_exhausted(0));
  }
  CHECK(exhausted == std::vector<bool>{false, false, false, false, false, true, true});
  CHECK(history.is_exhausted(3));
  CHECK_FALSE(history.is_exhausted(4));
}

TEST_CASE("a history survives state.json") {
  TrainingState state{.validations = {.data = "00ff"}};
  CHECK(state_json(parse_state(state_json(state))) == state_json(state));
  state.validations.add({1, 0.1 + 0.2});
  state.validations.add({2, kNan});
  const Json json = Json::parse(state_json(state).dump());
  const ValidationHistory back = parse_state(json).validations;
  CHECK(back.data == "00ff");
  CHECK(back.best->step == 1);
  CHECK(back.best->loss == 0.1 + 0.2);
  CHECK(back.last->step == 2);
  CHECK(std::isnan(back.last->loss));
  CHECK(back.since_best == 1);
}

}  // namespace
}  // namespace expandft
