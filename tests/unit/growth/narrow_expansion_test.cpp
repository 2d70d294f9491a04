#include "catch.h"
#include "export/logit_difference.h"
#include "golden.h"
#include "growth/expansion.h"
#include "growth/narrow_plans.h"

#include <map>
#include <numeric>

namespace expandft {
namespace {

/// A golden model with some layers grown.
struct Grown {
  Grown(const Golden& golden, const ExpansionPlan& with, at::ScalarType dtype = at::kFloat)
      : decoder(Decoder::load(golden.directory(), dtype, at::kCPU)),
        plan(with),
        expansion(expand(decoder, plan, initial_tensors(golden.directory(), decoder.spec(), plan),
                         at::kFloat)) {}

  /// The gradients of the mean loss, by the copies' names.
  std::map<std::string, at::Tensor> gradients(const TokenTensors& tokens) {
    for (const auto& [name, tensor] : expansion.tensors()) {
      at::Tensor(tensor).requires_grad_(true);
    }
    (decoder.loss(tokens) / static_cast<double>(tokens.targets.numel())).backward();
    std::map<std::string, at::Tensor> out;
    for (const auto& [name, tensor] : expansion.tensors()) out[name] = tensor.grad();
    return out;
  }

  Decoder decoder;
  ExpansionPlan plan;
  Expansion expansion;
};

DecoderSpec spec_of(const Golden& golden) {
  return Decoder::load(golden.directory(), at::kFloat, at::kCPU).spec();
}

/// Every position but the last predicts the next token.
TokenTensors tokens_with_targets(const Golden& golden) {
  TokenBatch batch = golden.batch();
  for (std::size_t i = 0; i + 1 < batch.ids.size(); ++i) batch.targets[i] = batch.ids[i + 1];
  return to_device(batch, at::kCPU);
}

/// Moves every copy, the same way in each run.
void move_copies(const Expansion& expansion) {
  at::manual_seed(5);
  for (const auto& [name, tensor] : expansion.tensors()) {
    at::Tensor(tensor).add_(at::randn_like(tensor), 0.05);
  }
}

TEST_CASE("narrow growth is its base bit for bit at step 0 and at strength 0", "[narrow]") {
  const std::string model = GENERATE("gqa", "bias", "phi3", "gemma3", "gemma4-shared");
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kHalf, at::kBFloat16);
  const Method method = GENERATE(Method::kNew, Method::kMlp, Method::kZeroInit);
  CAPTURE(model, c10::toString(dtype), method_text(method));
  const Golden golden(model);
  Decoder base = Decoder::load(golden.directory(), dtype, at::kCPU);
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const at::Tensor expected = probe_logits(base, tokens);
  const std::int64_t last = base.spec().layers - 1;
  Grown grown(golden, narrow_plan(base.spec(), {0, last}, method), dtype);
  CHECK(compare_logits(expected, probe_logits(grown.decoder, tokens)).identical);
  move_copies(grown.expansion);
  CHECK_FALSE(compare_logits(expected, probe_logits(grown.decoder, tokens)).identical);
  grown.expansion.set_strength(0);
  CHECK(compare_logits(expected, probe_logits(grown.decoder, tokens)).identical);
}

TEST_CASE("at step 0, gradients of narrow copies are those of whole copies of the same neurons",
          "[narrow]") {
  const std::string model = GENERATE("gqa", "bias", "phi3");
  CAPTURE(model);
  const Golden golden(model);
  const TokenTensors tokens = tokens_with_targets(golden);
  const ExpansionPlan plan = narrow_plan(spec_of(golden), {0, spec_of(golden).layers - 1});
  Grown narrow(golden, plan), whole(golden, {plan.layers, 2});
  const auto found = narrow.gradients(tokens), all = whole.gradients(tokens);
  REQUIRE(found.size() == all.size());
  for (const std::int64_t layer : plan.layers) {
    const at::Tensor neurons = neuron_indices(plan, layer);
    for (const auto& [name, gradient] : found) {
      if (!name.starts_with("model.layers." + std::to_string(layer) + ".")) continue;
      CAPTURE(name);
      const bool is_down = name.find("down_proj") != std::string::npos;
      const at::Tensor expected = all.at(name).index_select(is_down ? 1 : 0, neurons);
      REQUIRE(gradient.sizes() == expected.sizes());
      CHECK(expected.abs().max().item<double>() > 0);
      CHECK(worst_difference(gradient, expected) <
            1e-5 * std::max(1e-2, expected.abs().max().item<double>()));
    }
  }
}

TEST_CASE("copies of all neurons, in any order, compute what whole copies do", "[narrow]") {
  const Golden golden(GENERATE("gqa", "bias"));
  const double strength = GENERATE(0.4, 1.0);
  const DecoderSpec spec = spec_of(golden);
  ExpansionPlan plan{{1}, 2};
  std::vector<std::int64_t> order(static_cast<std::size_t>(spec.intermediate));
  std::iota(order.rbegin(), order.rend(), 0);
  plan.widths = {spec.intermediate};
  plan.neurons = {order};
  Grown whole(golden, {{1}, 2}), narrow(golden, plan);
  move_copies(whole.expansion);
  const std::map<std::string, at::Tensor> moved = [&] {
    std::map<std::string, at::Tensor> out;
    for (const auto& [name, tensor] : whole.expansion.tensors()) out[name] = tensor;
    return out;
  }();
  for (const auto& [name, tensor] : narrow.expansion.tensors()) {
    const bool is_down = name.find("down_proj") != std::string::npos;
    at::Tensor(tensor).copy_(moved.at(name).index_select(is_down ? 1 : 0, neuron_indices(plan, 1)));
  }
  whole.expansion.set_strength(strength);
  narrow.expansion.set_strength(strength);
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  const at::Tensor expected = probe_logits(whole.decoder, tokens);
  CHECK(worst_difference(probe_logits(narrow.decoder, tokens), expected) < 1e-5);
  whole.expansion.set_strength(0);
  CHECK(worst_difference(probe_logits(whole.decoder, tokens), expected) > 1e-3);
}

TEST_CASE("a narrow plan whose neurons are not chosen makes no copies", "[narrow]") {
  const Golden golden("gqa");
  ExpansionPlan plan{{0}, 2};
  plan.widths = {8};
  CHECK_THROWS_AS(initial_tensors(golden.directory(), spec_of(golden), plan), Error);
}

}  // namespace
}  // namespace expandft
