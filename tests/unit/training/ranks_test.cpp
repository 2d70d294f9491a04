#include "catch.h"
#include "golden.h"
#include "runtime/rank_threads.h"
#include "training/saved_moments.h"

#include <map>

namespace expandft {
namespace {

using testing::as_ranks;

/// Tensors of many sizes: shares and buckets cut through them.
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

std::map<std::string, at::Tensor> by_name(const NamedTensors& tensors) {
  return {tensors.begin(), tensors.end()};
}

struct Outcome {
  std::vector<at::Tensor> weights;
  std::map<std::string, at::Tensor> moments;  // rank 0's
  double norm = 0;
};

/// Four steps whose loss has as many terms as there are parts; a rank has every count-th.
Outcome train(const RankGroup& group, bool restores) {
  constexpr int kParts = 6;
  TrainingConfig training;
  training.weight_decay = 0.1;
  const std::vector<Parameter> trained = parameters();
  AdamW optimizer(trained, training, group);
  Outcome outcome;
  for (int step = 0; step < 4; ++step) {
    optimizer.zero_grad();
    for (int part = group.rank(); part < kParts; part += group.count()) {
      at::Tensor loss = at::zeros({});
      for (const Parameter& one : trained)
        loss = loss + (one.tensor * one.tensor).sum() * (part + 1);
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
      const std::map<std::string, at::Tensor> moments = by_name(saved_moments(optimizer));
      optimizer.restore(step + 1, [&](const std::string& name) { return moments.at(name); });
    }
  }
  for (const Parameter& one : trained) outcome.weights.push_back(one.tensor.detach().clone());
  outcome.moments = by_name(saved_moments(optimizer));
  return outcome;
}

TEST_CASE("ranks that share an optimizer train what one does") {
  const Outcome expected = train(RankGroup::alone(), false);
  const int count = GENERATE(2, 3, 5);
  const bool restores = GENERATE(false, true);
  CAPTURE(count, restores);
  const auto outcomes =
      as_ranks(count, [&](const RankGroup& group) { return train(group, restores); });
  for (const Outcome& found : outcomes) {
    CHECK(found.norm == Approx(expected.norm));
    for (std::size_t i = 0; i < expected.weights.size(); ++i) {
      CHECK(worst_difference(found.weights[i], expected.weights[i]) < 1e-6);
      CHECK(found.weights[i].equal(outcomes[0].weights[i]));
    }
  }
  CHECK(outcomes[0].moments.size() == 10);
  for (const auto& [name, moment] : expected.moments) {
    CHECK(worst_difference(outcomes[0].moments.at(name), moment) < 1e-5);
  }
}

}  // namespace
}  // namespace expandft
