#include "training/step_loss.h"

#include "catch.h"
#include "runtime/rank_threads.h"
#include "training/golden_steps.h"
#include "training/small_run.h"

#include <cmath>
#include <utility>

namespace expandft {
namespace {

using testing::as_ranks;

/// A golden model whose copies differ from their originals, and a step of two micro-batches.
struct WeightedStep {
  explicit WeightedStep(at::ScalarType dtype = at::kFloat,
                        const RankGroup& group = RankGroup::alone(),
                        std::vector<std::int64_t> layers = {0, 1})
      : plan{std::move(layers), 2},
        golden("gqa", "retention.safetensors"),
        decoder(Decoder::load(golden.directory(), dtype, at::kCPU)),
        expansion(expand(decoder, plan, initial_tensors(golden.directory(), decoder.spec(), plan),
                         at::kFloat)),
        batch(golden_step(golden, 0)) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
    for (const Parameter& one : expansion.parameters()) {
      one.tensor.detach().add_(0.1 * at::randn(one.tensor.sizes(), generator));
    }
    optimizer.emplace(expansion.parameters(), TrainingConfig(), group, dtype);
  }

  LossOptions options(TokenWeights rule, double data_retention = 0) const {
    return {.token_weights = rule,
            .stm_threshold = threshold,
            .data_retention = data_retention,
            .adaptation = &expansion};
  }

  StepResult run(const LossOptions& loss, std::optional<double> scale = {}) {
    const QueuedStep step = queue_step(decoder, *optimizer, batch,
                                       {.learning_rate = 1e-3, .loss = loss, .loss_scale = scale});
    return results_of({&step, 1}).front();
  }

  at::Tensor gradients() const {
    std::vector<at::Tensor> flat;
    for (const Parameter& one : expansion.parameters()) flat.push_back(one.tensor.grad().flatten());
    return at::cat(flat).to(at::kDouble);
  }

  static constexpr double threshold = 90;  // the vocabulary has 96, and the model knows nothing
  ExpansionPlan plan;
  Golden golden;
  Decoder decoder;
  Expansion expansion;
  StepBatch batch;
  std::optional<AdamW> optimizer;
};

/// What a step computes, by PyTorch's formulas on whole logits.
struct StepFormula {
  double loss = 0, weighted = 0, divergence = 0, counted = 0;
  at::Tensor gradients;

  StepFormula(WeightedStep& step, TokenWeights rule, double data_retention) {
    step.optimizer->zero_grad();
    at::Tensor sum = at::zeros({}, at::kDouble), weight_sum = sum, kl = sum, plain = sum;
    for (const TokenBatch& batch : step.batch.micro_batches) {
      const TokenTensors tokens = to_device(batch, at::kCPU);
      const auto log_probs_at = [&](double strength) {
        step.expansion.set_strength(strength);
        const at::Tensor rows = step.decoder.hidden(tokens).index_select(0, tokens.target_rows);
        // Not Decoder::logits, whose gradients its callers define.
        const at::Tensor logits =
            at::mm(rows.to(at::kDouble), step.decoder.head().to(at::kDouble).t());
        step.expansion.set_strength(1);
        return logits.log_softmax(-1);
      };
      const auto of_targets = [&](const at::Tensor& all) {
        return all.gather(1, tokens.targets.unsqueeze(1)).squeeze(1);
      };
      const at::Tensor p = log_probs_at(0).detach(), q = log_probs_at(1);
      const at::Tensor losses = -of_targets(q);
      at::Tensor weights = at::ones_like(losses);
      if (rule == TokenWeights::kEaft) {
        const at::Tensor top = std::get<0>(q.topk(20)).log_softmax(-1);
        weights = -(top.exp() * top).sum(-1) / std::log(20.0);
      }
      if (rule == TokenWeights::kDft) weights = (-losses).exp();
      if (rule == TokenWeights::kStm) {
        weights = (-of_targets(p)).exp().le(WeightedStep::threshold).to(at::kDouble);
      }
      plain = plain + losses.sum();
      sum = sum + (losses * weights.detach()).sum();
      weight_sum = weight_sum + weights.detach().sum();
      kl = kl + (p.exp() * (p - q)).sum();
    }
    const auto targets = static_cast<double>(step.batch.targets);
    counted = weight_sum.item<double>();
    const double divisor = rule == TokenWeights::kStm ? counted : targets;
    (sum / divisor + data_retention * kl / targets).backward();
    loss = plain.item<double>() / targets;
    weighted = sum.item<double>() / divisor;
    divergence = kl.item<double>() / targets;
    gradients = step.gradients();
  }
};

const TokenWeights kRules[] = {TokenWeights::kNone, TokenWeights::kEaft, TokenWeights::kDft,
                               TokenWeights::kStm};

TEST_CASE("a step with token weights and retention on its data is the formula") {
  const TokenWeights rule = GENERATE(from_range(std::begin(kRules), std::end(kRules)));
  const double data_retention = GENERATE(0.0, 0.6);
  CAPTURE(static_cast<int>(rule), data_retention);
  WeightedStep step;
  const StepFormula expected(step, rule, data_retention);
  if (rule == TokenWeights::kStm) {
    REQUIRE(expected.counted > 0);
    REQUIRE(expected.counted < static_cast<double>(step.batch.targets));
  }
  const StepResult found = step.run(step.options(rule, data_retention));
  CHECK(found.loss == Approx(expected.loss).epsilon(1e-5));
  CHECK(found.weighted_loss.has_value() == (rule != TokenWeights::kNone));
  if (found.weighted_loss) CHECK(*found.weighted_loss == Approx(expected.weighted).epsilon(1e-5));
  CHECK(found.data_retention.has_value() == (data_retention > 0));
  if (found.data_retention)
    CHECK(*found.data_retention == Approx(expected.divergence).epsilon(1e-4));
  CHECK_FALSE(found.retention.has_value());
  CHECK((step.gradients() - expected.gradients).abs().max().item<double>() <
        2e-5 * expected.gradients.abs().max().item<double>());
  CHECK(found.gradient_norm == Approx(expected.gradients.norm().item<double>()).epsilon(1e-4));
}

TEST_CASE("the frozen layers' states may be shared with the base bit for bit") {
  const TokenWeights rule = GENERATE(from_range(std::begin(kRules), std::end(kRules)));
  WeightedStep all(at::kFloat, RankGroup::alone(), {1}),
      shared(at::kFloat, RankGroup::alone(), {1});
  const StepResult expected = all.run(all.options(rule, 0.6));
  LossOptions options = shared.options(rule, 0.6);
  options.frozen_layers = 1;
  const StepResult found = shared.run(options);
  CHECK(found.loss == expected.loss);
  CHECK(found.data_retention == expected.data_retention);
  CHECK(found.gradient_norm == expected.gradient_norm);
  CHECK(shared.gradients().equal(all.gradients()));
}

TEST_CASE("ranks have the weighted losses and the gradient norm of a single process") {
  const TokenWeights rule = GENERATE(from_range(std::begin(kRules), std::end(kRules)));
  CAPTURE(static_cast<int>(rule));
  WeightedStep alone;
  const StepResult expected = alone.run(alone.options(rule, 0.6));
  const auto found = as_ranks(2, [&](const RankGroup& group) {
    WeightedStep step(at::kFloat, group);
    const auto mine = static_cast<std::size_t>(group.rank());
    step.batch.micro_batches = {step.batch.micro_batches.at(mine)};
    return step.run(step.options(rule, 0.6));
  });
  for (const StepResult& one : found) {
    CHECK(one.loss == Approx(expected.loss));
    CHECK(one.weighted_loss.value_or(0) == Approx(expected.weighted_loss.value_or(0)));
    CHECK(one.data_retention.value() == Approx(expected.data_retention.value()));
    CHECK(one.gradient_norm == Approx(expected.gradient_norm).epsilon(1e-5));
  }
}

TEST_CASE("with a loss scale too the gradient norm is that of the weighted loss") {
  const TokenWeights rule = GENERATE(from_range(std::begin(kRules), std::end(kRules)));
  WeightedStep plain, half(at::kHalf);
  const StepResult expected = plain.run(plain.options(rule, 0.6));
  const StepResult found = half.run(half.options(rule, 0.6), 16.0);
  CHECK(found.loss == Approx(expected.loss).epsilon(1e-2));
  CHECK(found.gradient_norm == Approx(expected.gradient_norm).epsilon(3e-2));
}

TEST_CASE("where no target counts the loss is 0 and nothing is trained") {
  WeightedStep step;
  LossOptions options = step.options(TokenWeights::kStm);
  options.stm_threshold = 1.0001;
  const StepResult found = step.run(options);
  CHECK(found.weighted_loss.value() == 0);
  CHECK(found.loss > 1);
  CHECK(found.gradient_norm == 0);
}

}  // namespace
}  // namespace expandft
