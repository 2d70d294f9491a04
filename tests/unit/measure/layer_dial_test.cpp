#include "measure/layer_dial.h"

#include "catch.h"
#include "golden.h"
#include "growth/expansion.h"
#include "methods/lora.h"
#include "model/loss.h"

#include <utility>

namespace expandft {
namespace {

constexpr std::int64_t kLayers = 3;

TokenBatch sequence(std::int64_t begin, std::int64_t step, std::int64_t vocab) {
  Example example;
  for (std::int64_t t = 0; t < 24; ++t) {
    example.tokens.push_back(static_cast<TokenId>((begin + t * step) % vocab));
  }
  example.learned.assign(example.tokens.size(), 1);
  TokenBatch batch;
  batch.append(example);
  return batch;
}

/// A model whose copies in both layers were changed.
struct Tuned {
  explicit Tuned(Method method = Method::kNew)
      : golden("gqa"),
        decoder(Decoder::load(golden.directory(), at::kFloat, at::kCPU)),
        plan{{0, 1}, 2, method},
        expansion(expand(decoder, plan, changed(), at::kFloat)),
        texts{.learned = {sequence(3, 7, decoder.spec().vocab)},
              .kept = {sequence(5, 11, decoder.spec().vocab)}} {}

  NamedTensors changed() {
    at::manual_seed(3);
    NamedTensors tensors = initial_tensors(golden.directory(), decoder.spec(), plan);
    for (auto& [name, tensor] : tensors) tensor = tensor + 0.3 * at::randn_like(tensor);
    return tensors;
  }
  double loss() const {
    const c10::NoGradGuard no_grad;
    const TokenTensors tokens = to_device(texts.learned.front(), at::kCPU);
    return decoder.loss(tokens).item<double>() / static_cast<double>(tokens.targets.numel());
  }

  Golden golden;
  Decoder decoder;
  ExpansionPlan plan;
  Expansion expansion;
  DialTexts texts;
};

TEST_CASE("the gradient of a layer's strength is that of the loss", "[measure]") {
  const Tuned tuned;
  const at::Tensor strengths =
      at::tensor({0.7, 0.4, 1.0}, at::TensorOptions().dtype(at::kFloat)).set_requires_grad(true);
  REQUIRE(tuned.expansion.learn_strength(strengths));
  const TokenTensors tokens = to_device(tuned.texts.learned.front(), at::kCPU);
  (tuned.decoder.loss(tokens) / static_cast<double>(tokens.targets.numel())).backward();
  const auto loss_at = [&](double first, double second) {
    tuned.expansion.set_strength(Strength::of_layers({first, second, 1}));
    return tuned.loss();
  };
  constexpr double kStep = 1e-2;
  const double by_first = (loss_at(0.7 + kStep, 0.4) - loss_at(0.7 - kStep, 0.4)) / (2 * kStep);
  const double by_second = (loss_at(0.7, 0.4 + kStep) - loss_at(0.7, 0.4 - kStep)) / (2 * kStep);
  CHECK(strengths.grad()[0].item<double>() == Approx(by_first).epsilon(0.02));
  CHECK(strengths.grad()[1].item<double>() == Approx(by_second).epsilon(0.02));
}

TEST_CASE("a learned strength computes what the same number computes", "[measure]") {
  const Tuned tuned;
  const TokenTensors tokens = to_device(tuned.texts.learned.front(), at::kCPU);
  const c10::NoGradGuard no_grad;
  tuned.expansion.set_strength(Strength::of_layers({0.7, 0.4, 1}));
  const at::Tensor expected = tuned.decoder.hidden(tokens);
  REQUIRE(tuned.expansion.learn_strength(at::tensor({0.7F, 0.4F, 1.0F})));
  CHECK(at::allclose(tuned.decoder.hidden(tokens), expected, 1e-5, 1e-5));
  // set_strength ends it.
  tuned.expansion.set_strength(0);
  const Decoder base = Decoder::load(tuned.golden.directory(), at::kFloat, at::kCPU);
  CHECK(at::equal(tuned.decoder.hidden(tokens), base.hidden(tokens)));
}

TEST_CASE("strengths by layer are at least as good as the best for all", "[measure]") {
  const Tuned tuned;
  for (const double weight : {0.0, 1.0, 30.0}) {
    CAPTURE(weight);
    const DialOptions options{.weight = weight, .steps = 30, .rate = 0.1};
    const LayerDial dial =
        find_layer_strengths(tuned.decoder, tuned.expansion, tuned.texts, options);
    CHECK(dial.layers.objective(weight) <= dial.uniform.objective(weight));
    CHECK(dial.uniform.strength.everywhere());
    // It is left at what was found, which is what was measured.
    CHECK(tuned.loss() == Approx(dial.layers.loss).epsilon(1e-3));
  }
  const auto with = [&](double weight) {
    return find_layer_strengths(tuned.decoder, tuned.expansion, tuned.texts, {.weight = weight});
  };
  // Random changes teach nothing: with a heavy weight nearly all of them go.
  CHECK(with(1000).layers.divergence < 0.2 * with(0).uniform.divergence + 1e-6);
}

TEST_CASE("strengths differ where only one layer learned something", "[measure]") {
  Tuned tuned;
  // Layer 1's copies stay the base's, so only layer 0's strength has an effect.
  NamedTensors tensors =
      initial_tensors(tuned.golden.directory(), tuned.decoder.spec(), tuned.plan);
  at::manual_seed(5);
  for (auto& [name, tensor] : tensors) {
    if (name.find("layers.0.") != name.npos) tensor = tensor + 0.3 * at::randn_like(tensor);
  }
  Decoder decoder = Decoder::load(tuned.golden.directory(), at::kFloat, at::kCPU);
  const Expansion expansion = expand(decoder, tuned.plan, tensors, at::kFloat);
  const LayerDial dial = find_layer_strengths(decoder, expansion, tuned.texts, {.weight = 30});
  REQUIRE(dial.layers.strength.by_layer().size() == kLayers);
  CHECK(dial.layers.strength.at(0, kLayers) < *dial.uniform.strength.everywhere());
  CHECK(dial.layers.strength.at(1, kLayers) == *dial.uniform.strength.everywhere());
}

TEST_CASE("the frozen layers below need no pass of their own", "[measure]") {
  Tuned tuned;
  const ExpansionPlan last{{1}, 2};
  NamedTensors tensors = initial_tensors(tuned.golden.directory(), tuned.decoder.spec(), last);
  at::manual_seed(7);
  for (auto& [name, tensor] : tensors) tensor = tensor + 0.3 * at::randn_like(tensor);
  Decoder decoder = Decoder::load(tuned.golden.directory(), at::kFloat, at::kCPU);
  const Expansion expansion = expand(decoder, last, tensors, at::kFloat);
  const auto found = [&](std::int64_t frozen) {
    return find_layer_strengths(decoder, expansion, tuned.texts, {.frozen_layers = frozen});
  };
  const LayerDial whole = found(0), upper = found(1);
  CHECK(whole.layers.loss == Approx(upper.layers.loss));
  CHECK(whole.layers.strength.at(1, kLayers) == Approx(upper.layers.strength.at(1, kLayers)));
}

TEST_CASE("LoRA's strengths are learned too, and those of trained originals are refused",
          "[measure]") {
  const Tuned trains_originals(Method::kMlp);
  CHECK_THROWS_AS(find_layer_strengths(trains_originals.decoder, trains_originals.expansion,
                                       trains_originals.texts, {}),
                  Error);
  const Golden golden("gqa");
  Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const auto lora = add_lora(decoder, {.rank = 2, .alpha = 4, .targets = {"all"}}, 1);
  at::manual_seed(9);
  for (const Parameter& one : lora->parameters()) one.tensor.normal_(0, 0.2);
  const DialTexts texts{.learned = {sequence(3, 7, decoder.spec().vocab)},
                        .kept = {sequence(5, 11, decoder.spec().vocab)}};
  const LayerDial dial = find_layer_strengths(decoder, *lora, texts, {.weight = 10});
  CHECK(dial.layers.objective(10) < dial.uniform.objective(10));
}

}  // namespace
}  // namespace expandft
