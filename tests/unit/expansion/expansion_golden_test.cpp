#include "catch.h"
#include "expansion/expansion.h"
#include "golden.h"
#include "training/adamw.h"
#include "training/schedule.h"
#include "training/trainer.h"

#include <map>

namespace expandft {
namespace {

/// The golden's model, expanded as its settings say.
struct Expanded {
  explicit Expanded(const Golden& golden)
      : decoder(Decoder::load(golden.directory(), at::kFloat, at::kCPU)),
        plan{golden.settings().at("layers").get<std::vector<std::int64_t>>(),
             golden.settings().at("copies").get<std::int64_t>()},
        expansion(expand(decoder, plan, original_copies(golden.directory(), decoder.spec(), plan),
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
  for (auto& [name, tensor] : expanded.expansion.copies()) {
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
  for (const auto& [name, tensor] : expanded.expansion.copies()) {
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

/// Step t of a golden: two micro-batches of two sequences.
StepBatch golden_step(const Golden& golden, std::int64_t t) {
  const TokenBatch all = golden.batch("batch" + std::to_string(t) + ".");
  StepBatch batch;
  for (std::size_t first : {0U, 2U}) {
    TokenBatch piece;
    const auto begin = static_cast<std::size_t>(all.offsets[first]);
    const auto end = static_cast<std::size_t>(all.offsets[first + 2]);
    piece.ids.assign(all.ids.begin() + begin, all.ids.begin() + end);
    piece.targets.assign(all.targets.begin() + begin, all.targets.begin() + end);
    piece.positions.assign(all.positions.begin() + begin, all.positions.begin() + end);
    piece.offsets = {0, all.offsets[first + 1] - all.offsets[first],
                     all.offsets[first + 2] - all.offsets[first]};
    batch.targets += piece.target_count();
    batch.micro_batches.push_back(piece);
  }
  return batch;
}

TEST_CASE("twenty training steps have the reference's losses", "[golden]") {
  const Golden golden("gqa", "training.safetensors");
  Expanded expanded(golden);
  TrainingConfig training;
  training.learning_rate = 1e-3;
  training.weight_decay = 0.01;
  training.warmup = 4;
  AdamW optimizer(expanded.expansion.copies(), training);

  const at::Tensor losses = golden.tensor("losses"), norms = golden.tensor("grad_norms");
  const at::Tensor rates = golden.tensor("learning_rates");
  double worst_loss = 0, worst_norm = 0;
  for (std::int64_t t = 0; t < 20; ++t) {
    const StepBatch batch = golden_step(golden, t);
    const double rate = learning_rate_at(training, t, 20);
    CHECK(rate == Approx(rates[t].item<double>()).epsilon(1e-9));
    const StepResult result =
        train_step(expanded.decoder, optimizer, batch, rate, training.clip_norm);
    worst_loss = std::max(worst_loss, std::abs(result.loss - losses[t].item<double>()));
    worst_norm = std::max(worst_norm, std::abs(result.gradient_norm - norms[t].item<double>()));
  }
  CAPTURE(worst_loss, worst_norm);
  CHECK(worst_loss < 1e-5);
  CHECK(worst_norm < 1e-5);
  for (const auto& [name, tensor] : expanded.expansion.copies()) {
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
  AdamW optimizer(expanded.expansion.copies(), training);
  // All four sequences in every step: their order does not matter.
  Dataset text;
  const TokenBatch all = golden.batch("retention.");
  for (std::size_t i = 0; i + 1 < all.offsets.size(); ++i) {
    Example example;
    example.tokens.assign(all.ids.begin() + all.offsets[i], all.ids.begin() + all.offsets[i + 1]);
    example.learned.assign(example.tokens.size(), 1);
    text.examples.push_back(std::move(example));
  }
  const Retention retention(
      {.weight = golden.settings().at("retention_weight").get<double>(), .batch_size = 4}, text, 1);

  const at::Tensor losses = golden.tensor("losses"), norms = golden.tensor("grad_norms");
  const at::Tensor divergences = golden.tensor("divergences");
  double worst_loss = 0, worst_norm = 0, worst_divergence = 0;
  for (std::int64_t t = 0; t < 20; ++t) {
    const StepResult result =
        train_step(expanded.decoder, optimizer, golden_step(golden, t),
                   learning_rate_at(training, t, 20), training.clip_norm,
                   [&] { return retention.backward(expanded.decoder, expanded.expansion, t); });
    const auto gap = [t](double found, const at::Tensor& expected) {
      return std::abs(found - expected[t].item<double>());
    };
    worst_loss = std::max(worst_loss, gap(result.loss, losses));
    worst_norm = std::max(worst_norm, gap(result.gradient_norm, norms));
    worst_divergence = std::max(worst_divergence, gap(result.retention.value(), divergences));
    if (t == 0) CHECK(*result.retention == 0);  // the copies equal their originals
  }
  CAPTURE(worst_loss, worst_norm, worst_divergence);
  CHECK(divergences[19].item<double>() > 1e-3);
  CHECK(worst_loss < 2e-5);
  CHECK(worst_norm < 2e-5);
  CHECK(worst_divergence < 1e-6);
}

}  // namespace
}  // namespace expandft
