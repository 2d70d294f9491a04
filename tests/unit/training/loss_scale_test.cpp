#include "training/loss_scale.h"

#include "catch.h"
#include "methods/trained_weights.h"
#include "training/golden_steps.h"

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
  at::Tensor all;  // flat, as they are after clipping is off
};

/// Of all weights, after one step of `targets`; float16 with a loss scale or without.
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
  std::optional<Retention> retention;
  std::optional<FurtherTerm> retain;
  if (retains != nullptr) {
    retention.emplace(*retains, text, 1);
    retain = FurtherTerm{retention->divisor(0), [&](double factor) {
                           return retention->backward(decoder, *weights, 0, factor);
                         }};
  }
  const QueuedStep step =
      queue_step(decoder, optimizer, batch, 1e-3, /*max_grad_norm=*/0, retain, nullptr, {}, scale);
  std::vector<at::Tensor> flat;
  for (const Parameter& one : weights->parameters()) flat.push_back(one.tensor.grad().flatten());
  return {results_of({&step, 1}).front(), at::cat(flat).to(at::kDouble)};
}

double relative_distance(const at::Tensor& found, const at::Tensor& expected) {
  return ((found - expected).norm() / expected.norm()).item<double>();
}

// The mean over so many targets has gradients that float16 does not hold.
TEST_CASE("gradients of float16 are those of float32 for any number of targets") {
  const std::int64_t targets = GENERATE(64, 65536, 16'777'216);
  CAPTURE(targets);
  const Gradients expected = gradients(at::kFloat, targets, {});
  const double scale = LossScale().at(0);
  const Gradients found = gradients(at::kHalf, targets, scale);
  CHECK(relative_distance(found.all, expected.all) < 0.01);  // rounding on the way, for any number
  CHECK(found.result.gradient_norm == Approx(expected.result.gradient_norm).epsilon(2e-3));
  CHECK(found.result.loss == Approx(expected.result.loss).epsilon(1e-3));
  // What a division before backward leaves of them.
  const double lost = relative_distance(gradients(at::kHalf, targets, {}).all, expected.all);
  if (targets > 1'000'000) CHECK(lost > 0.5);
}

TEST_CASE("with retention gradients of float16 are those of float32 too") {
  RetentionConfig retention;
  retention.weight = 0.5;
  retention.batch_size = 2;
  const Gradients expected = gradients(at::kFloat, 65536, {}, &retention);
  const Gradients found = gradients(at::kHalf, 65536, 16, &retention);
  CHECK(expected.result.retention.value() > 1e-4);
  CHECK(found.result.retention.value() ==
        Approx(expected.result.retention.value()).epsilon(0.02).margin(1e-5));
  // The divergence's gradient is a difference of two models' probabilities, which float16 rounds
  // coarsely on their way forward. Backward loses nothing to it: another power of two, same
  // numbers.
  CHECK(relative_distance(found.all, expected.all) < 0.05);
  CHECK(relative_distance(gradients(at::kHalf, 65536, 256, &retention).all, found.all) < 1e-3);
}

}  // namespace
}  // namespace expandft
