#include "catch.h"
#include "families/model_config.h"
#include "golden.h"
#include "growth/expansion.h"

#include <map>

namespace expandft {
namespace {

std::map<std::string, at::Tensor> noisy(const ModelDirectory& base, const ExpansionPlan& plan,
                                        double noise, std::uint64_t seed = 1) {
  NamedTensors tensors = initial_tensors(base, read_spec(base), plan);
  break_symmetry(tensors, plan, noise, seed);
  return {tensors.begin(), tensors.end()};
}

TEST_CASE("noise makes copies differ, and sums to zero over them") {
  const Golden golden("gqa");
  const ModelDirectory base = golden.directory();
  const std::int64_t copies = GENERATE(3, 5);
  const ExpansionPlan plan{{0, 2}, copies};
  const auto before = noisy(base, plan, 0), after = noisy(base, plan, 0.1);
  for (const std::int64_t layer : plan.layers) {
    at::Tensor sum;
    for (std::int64_t j = 1; j < copies; ++j) {
      const std::string down = copy_tensor_name(layer, "down_proj", j, "weight");
      const at::Tensor noise = after.at(down) - before.at(down);
      const double relative = (noise.norm() / before.at(down).norm()).item<double>();
      // The mean over k - 1 draws was subtracted, which leaves (k - 2) / (k - 1) of the variance.
      const auto drawn = static_cast<double>(copies - 1);
      CHECK(relative == Approx(0.1 * std::sqrt((drawn - 1) / drawn)).epsilon(0.1));
      sum = sum.defined() ? sum + noise : noise;
      const std::string gate = copy_tensor_name(layer, "gate_proj", j, "weight");
      CHECK(at::equal(after.at(gate), before.at(gate)));
    }
    CHECK(sum.abs().max().item<double>() < 1e-6);
    CHECK_FALSE(at::equal(after.at(copy_tensor_name(layer, "down_proj", 1, "weight")),
                          after.at(copy_tensor_name(layer, "down_proj", 2, "weight"))));
  }
}

TEST_CASE("noise depends on the seed, and a single added copy needs none") {
  const Golden golden("gqa");
  const ExpansionPlan three{{1}, 3}, two{{1}, 2};
  const std::string down = copy_tensor_name(1, "down_proj", 1, "weight");
  const auto a = noisy(golden.directory(), three, 0.1, 5),
             b = noisy(golden.directory(), three, 0.1, 5);
  CHECK(at::equal(a.at(down), b.at(down)));
  CHECK_FALSE(at::equal(a.at(down), noisy(golden.directory(), three, 0.1, 6).at(down)));
  CHECK(at::equal(noisy(golden.directory(), two, 0.1).at(down),
                  noisy(golden.directory(), two, 0).at(down)));
}

}  // namespace
}  // namespace expandft
