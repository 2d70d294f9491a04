#include "catch.h"
#include "golden.h"
#include "growth/expansion.h"
#include "training/golden_steps.h"

namespace expandft {
namespace {

/// The golden model, expanded by its settings.
struct Expanded {
  explicit Expanded(const Golden& golden)
      : decoder(Decoder::load(golden.directory(), at::kFloat, at::kCPU)),
        plan{golden.settings().at("layers").get<std::vector<std::int64_t>>(),
             golden.settings().at("copies").get<std::int64_t>()},
        expansion(expand(decoder, plan, initial_tensors(golden.directory(), decoder.spec(), plan),
                         at::kFloat)) {}
  Decoder decoder;
  ExpansionPlan plan;
  Expansion expansion;
};

TEST_CASE("loss, logits and every gradient of an expanded model equal the reference's",
          "[golden]") {
  const std::string model = GENERATE(from_range(golden_models("expanded.safetensors")));
  CAPTURE(model);
  const Golden golden(model, "expanded.safetensors");
  Expanded expanded(golden);
  for (auto& [name, tensor] : expanded.expansion.tensors()) {
    at::Tensor copy = tensor;
    copy.copy_(golden.tensor(name));
    copy.requires_grad_(true);
  }
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  CHECK(worst_difference(expanded.decoder.logits(expanded.decoder.hidden(tokens)).detach(),
                         golden.tensor("logits")) < 1e-4);

  const at::Tensor loss =
      expanded.decoder.loss(tokens) / static_cast<double>(tokens.targets.numel());
  CHECK(std::abs(loss.item<double>() - golden.tensor("loss").item<double>()) < 1e-5);
  loss.backward();
  std::size_t compared = 0;
  for (const auto& [name, tensor] : expanded.expansion.tensors()) {
    CAPTURE(name);
    REQUIRE(tensor.grad().defined());
    const at::Tensor expected = golden.tensor(name + ".grad");
    const double scale = std::max(1e-3, expected.abs().max().item<double>());
    CHECK(worst_difference(tensor.grad(), expected) < 1e-4 * scale);
    ++compared;
  }
  const std::size_t tensors = expanded.decoder.spec().mlp_bias ? 5 : 3;
  CHECK(compared ==
        expanded.plan.layers.size() * static_cast<std::size_t>(expanded.plan.copies - 1) * tensors);

  expanded.expansion.set_strength(0.5);
  CHECK(worst_difference(expanded.decoder.logits(expanded.decoder.hidden(tokens)).detach(),
                         golden.tensor("logits.strength_0.5")) < 1e-4);
}

TEST_CASE("twenty training steps have the reference's losses", "[golden]") {
  const Golden golden("gqa", "training.safetensors");
  Expanded expanded(golden);
  TrainingConfig training;
  training.learning_rate = 1e-3;
  training.weight_decay = 0.01;
  training.warmup = 4;
  const at::Tensor rates = golden.tensor("learning_rates");
  for (std::int64_t t = 0; t < 20; ++t) {
    CHECK(learning_rate_at(training, t, 20) == Approx(rates[t].item<double>()).epsilon(1e-9));
  }
  const Gaps gaps = train_as_golden(golden, "", expanded.decoder, expanded.expansion, training);
  CAPTURE(gaps.loss, gaps.norm);
  CHECK(gaps.loss < 1e-5);
  CHECK(gaps.norm < 1e-5);
  for (const auto& [name, tensor] : expanded.expansion.tensors()) {
    CAPTURE(name);
    CHECK(worst_difference(tensor.detach(), golden.tensor(name)) < 1e-5);
  }
}

TEST_CASE("twenty steps with retention have the reference's losses and divergences", "[golden]") {
  const Golden golden("gqa", "retention.safetensors");
  Expanded expanded(golden);
  TrainingConfig training;
  training.learning_rate = 1e-2;
  training.weight_decay = 0.01;
  training.warmup = 4;
  // Every step uses all four sequences, so their order does not matter.
  const Dataset text = golden_retention_text(golden);
  const Retention retention(
      {.weight = golden.settings().at("retention_weight").get<double>(), .batch_size = 4}, text, 1);
  CHECK(golden.tensor("divergences")[0].item<double>() == 0);  // the copies equal their originals
  CHECK(golden.tensor("divergences")[19].item<double>() > 1e-3);
  const Gaps gaps =
      train_as_golden(golden, "", expanded.decoder, expanded.expansion, training, &retention);
  CAPTURE(gaps.loss, gaps.norm, gaps.divergence);
  CHECK(gaps.loss < 2e-5);
  CHECK(gaps.norm < 2e-5);
  CHECK(gaps.divergence < 1e-6);
}

}  // namespace
}  // namespace expandft
