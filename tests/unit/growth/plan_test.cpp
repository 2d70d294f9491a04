#include "growth/plan.h"

#include "base/error.h"
#include "catch.h"
#include "families/model_config.h"
#include "golden.h"

namespace expandft {
namespace {

DecoderSpec spec_of(const std::string& model) {
  return read_spec(Golden(model).directory());
}

TEST_CASE("parameters are counted as the checkpoint holds them") {
  const std::string model = GENERATE(from_range(golden_models()));
  std::int64_t stored = 0;
  const ModelDirectory directory = Golden(model).directory();
  for (const auto& [name, view] : directory.tensors()) {
    const TensorNames names = spec_of(model).names;
    if (name.starts_with(names.body) || name == names.head) {
      stored += static_cast<std::int64_t>(view.bytes.size()) / 4;
    }
  }
  CAPTURE(model);
  CHECK(count_parameters(spec_of(model)) == stored);
}

TEST_CASE("a plan counts the parameters of the added copies") {
  const DecoderSpec spec = spec_of("gqa");  // hidden 48, intermediate 80, 3 layers
  const ExpansionPlan plan =
      make_plan(LayerSelection::parse(std::string("last:2"), "here"), 3, spec);
  CHECK(plan.layers == std::vector<std::int64_t>{1, 2});
  CHECK(count_new_parameters(plan, spec) == 2 * 2 * 3 * 48 * 80);
  CHECK(describe(plan, spec).find("2 of 3 layers (1, 2)") != std::string::npos);
  CHECK_THROWS_AS(make_plan(LayerSelection::parse(std::string("all"), "here"), 1, spec), Error);
}

TEST_CASE("the layout is chosen by the layers that grow") {
  const DecoderSpec spec = spec_of("gqa");
  const ExpansionPlan all{{0, 1, 2}, 2}, some{{2}, 2};
  CHECK(resolve_layout(Layout::kAuto, all, spec) == Layout::kNative);
  CHECK(resolve_layout(Layout::kAuto, some, spec) == Layout::kPadded);
  CHECK(resolve_layout(Layout::kPadded, all, spec) == Layout::kPadded);
  CHECK_THROWS_AS(resolve_layout(Layout::kNative, some, spec), Error);
}

}  // namespace
}  // namespace expandft
