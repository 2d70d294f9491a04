#include "growth/attach.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "families/model_config.h"
#include "golden.h"
#include "growth/expansion.h"
#include "growth/narrow_plans.h"

#include <string>
#include <utility>
#include <vector>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using testing::TempDirectory;

/// The info of an adapter of this base; its tensors are the initial copies.
AdapterInfo info_of(const ModelDirectory& base, const ExpansionPlan& plan) {
  const DecoderSpec spec = read_spec(base.config(), "config.json");
  return {.base_model = "models/base",
          .base_fingerprint = base.fingerprint(),
          .layers = plan.layers,
          .copies = plan.copies,
          .num_hidden_layers = spec.layers,
          .hidden_size = spec.hidden,
          .intermediate_size = spec.intermediate};
}

std::vector<TensorSource> tensors_of(const ModelDirectory& base, const ExpansionPlan& plan) {
  std::vector<TensorSource> out;
  for (const auto& [name, tensor] : initial_tensors(base, read_spec(base), plan)) {
    out.push_back(source_of(name, tensor, Dtype::kF32));
  }
  return out;
}

Error refusal(const ModelDirectory& base, const AdapterInfo& info,
              const std::vector<TensorSource>& tensors) {
  const TempDirectory temp;
  write_adapter(temp.path(), info, tensors);
  const Error error = error_of([&] { open_adapter(temp.path(), base); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.where(), temp.path().string()));
  return error;
}

TensorSource zeros(const std::string& name, const Shape& shape) {
  return source_of(name, at::zeros(shape), Dtype::kF32);
}

TEST_CASE("an adapter of this base is opened") {
  const ModelDirectory base = Golden(GENERATE("gqa", "bias")).directory();
  const ExpansionPlan plan{{0, 1}, 3};
  const TempDirectory temp;
  write_adapter(temp.path(), info_of(base, plan), tensors_of(base, plan));
  CHECK(open_adapter(temp.path(), base).info().copies == 3);
}

TEST_CASE("an adapter of another base is refused") {
  const ModelDirectory base = Golden("gqa").directory(), other = Golden("bias").directory();
  const ExpansionPlan plan{{0}, 2};
  const Error error = refusal(other, info_of(base, plan), tensors_of(base, plan));
  CHECK(has(error.message(), "another base"));
  CHECK(has(error.hint(), "models/base"));
}

TEST_CASE("an adapter with other sizes than the base is refused, and both sizes are named") {
  const ModelDirectory base = Golden("gqa").directory();
  const ExpansionPlan plan{{0}, 2};
  const AdapterInfo right = info_of(base, plan);
  AdapterInfo wrong = right;
  const auto message = [&] {
    // Tensors of the stated sizes, so that the adapter itself is consistent.
    const std::int64_t h = wrong.hidden_size, p = wrong.intermediate_size;
    return refusal(base, wrong,
                   {zeros(copy_tensor_name(0, "gate_proj", 1, "weight"), {p, h}),
                    zeros(copy_tensor_name(0, "up_proj", 1, "weight"), {p, h}),
                    zeros(copy_tensor_name(0, "down_proj", 1, "weight"), {h, p})})
        .message();
  };
  const auto both = [](const std::string& name, std::int64_t found, std::int64_t expected) {
    return std::pair("adapter's " + name + " is " + std::to_string(found),
                     " is " + std::to_string(expected));
  };
  std::pair<std::string, std::string> expected;
  SECTION("layers") {
    wrong.num_hidden_layers += 7;
    expected = both("num_hidden_layers", wrong.num_hidden_layers, right.num_hidden_layers);
  }
  SECTION("hidden size") {
    wrong.hidden_size += 1;
    expected = both("hidden_size", wrong.hidden_size, right.hidden_size);
  }
  SECTION("intermediate size") {
    wrong.intermediate_size -= 1;
    expected = both("intermediate_size", wrong.intermediate_size, right.intermediate_size);
  }
  const std::string found = message();
  CHECK(has(found, expected.first));
  CHECK(has(found, expected.second));
  CHECK(has(found, base.path().string()));
}

TEST_CASE("an adapter whose copies are not as wide as the base's MLP in that layer is refused") {
  // In layers 4 and 5, MLPs are twice as wide.
  const ModelDirectory base = Golden("gemma4-shared").directory();
  const ExpansionPlan plan{{3, 4}, 2};
  const AdapterInfo info = info_of(base, plan);
  const std::int64_t h = info.hidden_size, p = info.intermediate_size;
  const auto with_widths = [&](std::int64_t third, std::int64_t fourth) {
    std::vector<TensorSource> tensors;
    for (const auto& [layer, width] :
         {std::pair<std::int64_t, std::int64_t>{3, third}, {4, fourth}}) {
      tensors.push_back(zeros(copy_tensor_name(layer, "gate_proj", 1, "weight"), {width, h}));
      tensors.push_back(zeros(copy_tensor_name(layer, "up_proj", 1, "weight"), {width, h}));
      tensors.push_back(zeros(copy_tensor_name(layer, "down_proj", 1, "weight"), {h, width}));
    }
    return tensors;
  };
  const TempDirectory temp;
  write_adapter(temp.path(), info, with_widths(p, 2 * p));
  CHECK(open_adapter(temp.path(), base).info().layers == plan.layers);
  const std::string narrow = std::to_string(p), wide = std::to_string(2 * p);
  const Error too_wide = refusal(base, info, with_widths(2 * p, 2 * p));
  CHECK(has(too_wide.message(), "adapter's MLP width is " + wide));
  CHECK(has(too_wide.message(), " is " + narrow));
  CHECK(has(refusal(base, info, with_widths(p, p)).message(), "adapter's MLP width is " + narrow));
}

TEST_CASE(
    "a narrow adapter of this base is opened, and one with neurons that it lacks is refused") {
  const ModelDirectory base = Golden("gqa").directory();
  const ExpansionPlan plan = narrow_plan(read_spec(base), {0, 2});
  AdapterInfo info = info_of(base, plan);
  info.widths = plan.widths;
  info.neurons = plan.neurons;
  const TempDirectory temp;
  write_adapter(temp.path(), info, tensors_of(base, plan));
  const ExpansionPlan found = plan_of(open_adapter(temp.path(), base).info());
  CHECK(found.layers == plan.layers);
  CHECK(found.neurons == plan.neurons);
  CHECK(found.widths == plan.widths);

  info.neurons[1].back() = 80;  // gqa's MLPs have 80
  const Error error = refusal(base, info, tensors_of(base, plan));
  CHECK(has(error.message(), "copies neuron 80 of layer 2, whose MLP has 80"));
}

TEST_CASE("an adapter has biases if and only if the base's MLPs have them") {
  const ExpansionPlan plan{{1}, 2};
  SECTION("missing") {
    const ModelDirectory base = Golden("bias").directory();
    std::vector<TensorSource> tensors = tensors_of(base, plan);
    const std::string name = copy_tensor_name(1, "up_proj", 1, "bias");
    CHECK(std::erase_if(tensors, [&](const auto& one) { return one.name == name; }) == 1);
    const Error error = refusal(base, info_of(base, plan), tensors);
    CHECK(has(error.message(), "has no tensor \"" + name + "\""));
    CHECK(has(error.message(), "have biases"));
  }
  SECTION("too many") {
    const ModelDirectory base = Golden("gqa").directory();
    const AdapterInfo info = info_of(base, plan);
    std::vector<TensorSource> tensors = tensors_of(base, plan);
    const std::string name = copy_tensor_name(1, "gate_proj", 1, "bias");
    tensors.push_back(zeros(name, {info.intermediate_size}));
    const Error error = refusal(base, info, tensors);
    CHECK(has(error.message(), "has a tensor \"" + name + "\""));
    CHECK(has(error.message(), "have no biases"));
  }
}

}  // namespace
}  // namespace expandft
