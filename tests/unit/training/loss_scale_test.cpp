#include "catch.h"
#include "methods/full_last.h"
#include "training/golden_steps.h"
#include "training/health.h"

namespace expandft {
namespace {

TEST_CASE("a loss scale doubles after a thousand steps, and halves where gradients overflow") {
  LossScale scale;
  CHECK(scale.at(0) == 16);
  CHECK(scale.at(999) == 16);
  CHECK(scale.at(1000) == 32);
  CHECK(scale.at(1'000'000'000) == LossScale::kMost);
  CHECK(scale.lower(1500));
  CHECK(scale.at(1500) == 16);
  CHECK(scale.at(2499) == 16);
  CHECK(scale.at(2500) == 32);
  int halvings = 0;
  while (scale.lower(1500)) ++halvings;
  CHECK(halvings == 18);
  CHECK(scale.at(1500) == LossScale::kLeast);
  CHECK(LossScale::parse(scale.json()).at(3000) == scale.at(3000));
}

TEST_CASE("only float16 has a loss scale, and a damaged one is refused") {
  CHECK(loss_scale_for(at::kHalf));
  CHECK_FALSE(loss_scale_for(at::kBFloat16));
  CHECK_FALSE(loss_scale_for(at::kFloat));
  for (const char* text : {R"({"value": 3, "since": 0})", R"({"value": 0, "since": 0})",
                           R"({"value": 16, "since": -1})"}) {
    CHECK_THROWS_AS(LossScale::parse(Json::parse(text)), Error);
  }
}

struct Gradients {
  StepResult result;
  at::Tensor all;  // flat; unclipped
};

/// The gradients of all weights in one step that counts as having `targets` targets.
Gradients gradients(at::ScalarType dtype, std::int64_t targets, std::optional<double> scale,
                    const RetentionConfig* retains = nullptr) {
  const Golden golden("gqa", "retention.safetensors");
  Decoder decoder = Decoder::load(golden.directory(), dtype, at::kCPU);
  const auto weights = train_all_weights(decoder);
  for (const Parameter& one : weights->parameters()) {
    one.tensor.detach().mul_(1.05);  // so that it differs from its base
  }
  AdamW optimizer(weights->parameters(), {});
  StepBatch batch = golden_step(golden, 0);
  batch.targets = targets;
  const Dataset text = golden_retention_text(golden);
  StepOptions options{.learning_rate = 1e-3, .loss_scale = scale};
  std::optional<Retention> retention;
  if (retains != nullptr) {
    retention.emplace(*retains, text, 1);
    options.further = retention->term(decoder, *weights, 0);
  }
  const QueuedStep step = queue_step(decoder, optimizer, batch, options);
  std::vector<at::Tensor> flat;
  for (const Parameter& one : weights->parameters()) flat.push_back(one.tensor.grad().flatten());
  return {results_of({&step, 1}).front(), at::cat(flat).to(at::kDouble)};
}

double relative_distance(const at::Tensor& found, const at::Tensor& expected) {
  return ((found - expected).norm() / expected.norm()).item<double>();
}

// The gradients of a mean over so many targets are too small for float16.
TEST_CASE("gradients of float16 are those of float32 for any number of targets") {
  const std::int64_t targets = GENERATE(64, 65536, 16'777'216);
  CAPTURE(targets);
  const Gradients expected = gradients(at::kFloat, targets, {});
  const double scale = LossScale().at(0);
  const Gradients found = gradients(at::kHalf, targets, scale);
  CHECK(relative_distance(found.all, expected.all) < 0.01);  // rounding errors, for any number
  CHECK(found.result.gradient_norm == Approx(expected.result.gradient_norm).epsilon(2e-3));
  CHECK(found.result.loss == Approx(expected.result.loss).epsilon(1e-3));
  // Dividing before backward loses them.
  const double lost = relative_distance(gradients(at::kHalf, targets, {}).all, expected.all);
  if (targets > 1'000'000) CHECK(lost > 0.5);
}

TEST_CASE("with retention too gradients of float16 are those of float32") {
  RetentionConfig retention;
  retention.weight = 0.5;
  retention.batch_size = 2;
  const Gradients expected = gradients(at::kFloat, 65536, {}, &retention);
  const Gradients found = gradients(at::kHalf, 65536, 16, &retention);
  CHECK(expected.result.retention.value() > 1e-4);
  CHECK(found.result.retention.value() ==
        Approx(expected.result.retention.value()).epsilon(0.02).margin(1e-5));
  // The gradient of the divergence is a difference of two models' probabilities, in which float16's
  // rounding errors of the forward pass are large. Backward adds none: another power of two gives
  // the same numbers.
  CHECK(relative_distance(found.all, expected.all) < 0.05);
  CHECK(relative_distance(gradients(at::kHalf, 65536, 256, &retention).all, found.all) < 1e-3);
}

}  // namespace
}  // namespace expandft
