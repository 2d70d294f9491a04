#include "catch.h"
#include "golden.h"
#include "runtime/rank_threads.h"
#include "training/saved_state.h"

#include <map>

namespace expandft {
namespace {

using testing::as_ranks;

/// Tensors of many sizes, so that bounds of shares and buckets are inside of some.
std::vector<Parameter> parameters() {
  std::vector<Parameter> out;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const std::vector<std::vector<std::int64_t>> shapes = {{300, 7}, {7}, {5, 5}, {33}, {64, 32}};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    out.push_back({std::string(1, static_cast<char>('a' + i)), at::randn(shapes[i], generator),
                   i == 2 ? 0.1 : 1.0});
  }
  return out;
}

struct Outcome {
  std::vector<at::Tensor> computed_with, weights;  // before and after finish
  std::map<std::string, at::Tensor> state;         // rank 0's
  double norm = 0;
};

/// Four steps whose loss has a term for each part; a rank computes every count-th part.
Outcome train(const RankGroup& group, at::ScalarType dtype, bool restores, bool averages = false) {
  constexpr int kParts = 6;
  TrainingConfig training;
  training.weight_decay = 0.1;
  if (averages) training.ema = 0.8;
  const std::vector<Parameter> trained = parameters();
  AdamW optimizer(trained, training, group, dtype);
  Outcome outcome;
  for (int step = 0; step < 4; ++step) {
    optimizer.zero_grad();
    for (int part = group.rank(); part < kParts; part += group.count()) {
      at::Tensor loss = at::zeros({});
      for (const Parameter& one : trained) {
        const at::Tensor weight = one.tensor.to(dtype);
        loss = loss + (weight * weight).sum() * (part + 1);
      }
      if (part + group.count() >= kParts) optimizer.begin_reduction();
      loss.backward();
    }
    optimizer.finish_reduction();
    const at::Tensor squares = optimizer.squared_norm();
    group.sum(squares);
    outcome.norm = squares.sqrt().item<double>();
    optimizer.clip_gradients(squares.sqrt(), 1);
    optimizer.step(1e-2);
    if (step == 1 && restores) {
      const std::map<std::string, at::Tensor> state = saved_state(optimizer);
      optimizer.restore(step + 1, [&](const std::string& name) { return state.at(name); });
    }
  }
  for (const Parameter& one : trained) outcome.computed_with.push_back(one.tensor.detach().clone());
  outcome.state = saved_state(optimizer);
  if (averages) {
    optimizer.swap_average();
    outcome.computed_with.clear();
    for (const Parameter& one : trained) {
      outcome.computed_with.push_back(one.tensor.detach().clone());
    }
  }
  optimizer.finish();
  for (const Parameter& one : trained) outcome.weights.push_back(one.tensor.detach().clone());
  return outcome;
}

TEST_CASE("ranks that share an optimizer get the weights of a single process") {
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kBFloat16);
  const Outcome expected = train(RankGroup::alone(), dtype, false);
  const int count = GENERATE(2, 3, 5);
  const bool restores = GENERATE(false, true);
  CAPTURE(dtype, count, restores);
  const auto outcomes =
      as_ranks(count, [&](const RankGroup& group) { return train(group, dtype, restores); });
  for (const Outcome& found : outcomes) {
    CHECK(found.norm == Approx(expected.norm));
    for (std::size_t i = 0; i < expected.weights.size(); ++i) {
      CHECK(worst_difference(found.weights[i], expected.weights[i]) < 1e-6);
      CHECK(found.weights[i].equal(outcomes[0].weights[i]));
      CHECK(found.computed_with[i].equal(found.weights[i].to(dtype)));
    }
  }
  CHECK(outcomes[0].state.size() == 15);
  for (const auto& [name, tensor] : expected.state) {
    CHECK(worst_difference(outcomes[0].state.at(name), tensor) < 1e-5);
  }
}

TEST_CASE("ranks have the average of a single process, also after it was restored") {
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kBFloat16);
  const Outcome expected = train(RankGroup::alone(), dtype, false, /*averages=*/true);
  const Outcome without = train(RankGroup::alone(), dtype, false);
  CHECK(worst_difference(expected.weights[0], without.weights[0]) > 1e-4);
  const bool restores = GENERATE(false, true);
  const auto outcomes =
      as_ranks(3, [&](const RankGroup& group) { return train(group, dtype, restores, true); });
  for (const Outcome& found : outcomes) {
    for (std::size_t i = 0; i < expected.weights.size(); ++i) {
      CHECK(worst_difference(found.weights[i], expected.weights[i]) < 1e-6);
      CHECK(found.computed_with[i].equal(found.weights[i].to(dtype)));
    }
  }
  CHECK(outcomes[0].state.size() == 20);
}

}  // namespace
}  // namespace expandft
