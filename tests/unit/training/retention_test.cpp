#include "training/retention.h"

#include "catch.h"
#include "data/random.h"
#include "model/loss.h"
#include "training/golden_steps.h"
#include "training/small_run.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace expandft {
namespace {

/// Examples of three tokens.
Dataset text_of(std::size_t examples, std::vector<DatasetPart> parts = {}) {
  Dataset text;
  for (std::size_t i = 0; i < examples; ++i) {
    text.examples.push_back({{1, static_cast<TokenId>(i % 50) + 3, 2}, {1, 1, 1}});
  }
  text.parts = std::move(parts);
  return text;
}

TEST_CASE("a single retention text is gone through in the order of each epoch") {
  const Dataset text = text_of(7);
  const RetentionOrder order(text, 3, 5);
  std::vector<std::uint32_t> expected;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::uint32_t> one(7);
    std::iota(one.begin(), one.end(), 0U);
    Random(5, (std::uint64_t{1} << 32) + epoch).shuffle(one);
    expected.insert(expected.end(), one.begin(), one.end());
  }
  for (std::int64_t step = 0; step < 7; ++step) {
    CHECK(order.of(step) ==
          ExampleGroup(expected.begin() + 3 * step, expected.begin() + 3 * step + 3));
  }
  CHECK(order.first_groups().size() == 3);
}

TEST_CASE("several retention texts have their shares of the sequences") {
  // 4 sequences a step: the texts of 5, 100 and 2 examples have 1, 2 and 1 of them.
  const Dataset text = text_of(107, {{5, 1}, {100, 2}, {2, 1}});
  const RetentionOrder order(text, 4, 5);
  std::map<std::uint32_t, int> used;
  for (std::int64_t step = 0; step < 50; ++step) {
    int first = 0, second = 0;
    for (const std::uint32_t example : order.of(step)) {
      ++used[example];
      first += example < 5 ? 1 : 0;
      second += example >= 5 && example < 105 ? 1 : 0;
    }
    CHECK(first == 1);
    CHECK(second == 2);
  }
  for (std::uint32_t example = 0; example < 107; ++example) {
    CHECK(used[example] == (example < 5 ? 10 : example < 105 ? 1 : 25));
  }
  // A resumed run finds the same examples, and so does one that goes back.
  const RetentionOrder resumed(text, 4, 5);
  const ExampleGroup late = order.of(49);
  CHECK(resumed.of(49) == late);
  const ExampleGroup early = resumed.of(3);
  CHECK(early == order.of(3));
  CHECK(early == RetentionOrder(text, 4, 5).of(3));
  CHECK(resumed.of(49) == late);
}

TEST_CASE("shares that are no whole number of sequences are kept over many steps") {
  const Dataset text = text_of(20, {{10, 0.7}, {10, 0.3}});
  const RetentionOrder order(text, 1, 5);
  int first = 0;
  for (std::int64_t step = 0; step < 1000; ++step) {
    first += order.of(step).front() < 10 ? 1 : 0;
    CHECK(std::abs(first - 0.7 * static_cast<double>(step + 1)) < 1.01);
  }
  CHECK(first == 700);
}

/// A small model whose copies differ from their originals.
struct TunedRun : SmallRun {
  TunedRun() {
    at::manual_seed(3);
    for (const Parameter& one : expansion.parameters()) {
      one.tensor.detach().add_(0.1 * at::randn_like(one.tensor));
    }
  }

  at::Tensor log_softmax_of(const TokenTensors& tokens, double strength) {
    expansion.set_strength(strength);
    // Not Decoder::logits, whose gradients its callers define.
    const at::Tensor logits =
        at::mm(decoder.hidden(tokens).to(at::kDouble), decoder.head().to(at::kDouble).t());
    expansion.set_strength(1);
    return logits.log_softmax(-1);
  }
};

TEST_CASE("each loss of retention is its formula, and so are the gradients") {
  const auto loss =
      GENERATE(RetentionLoss::kDivergence, RetentionLoss::kCrossEntropy, RetentionLoss::kBoth);
  const bool has_prompt = GENERATE(false, true);
  CAPTURE(static_cast<int>(loss), has_prompt);
  TunedRun run;
  Dataset text;
  text.examples.push_back({{1, 7, 9, 4, 11, 8}, {1, 1, 1, 1, 1, 1}});
  text.examples.push_back({{1, 5, 6, 12}, {1, 1, 1, 1}});
  if (has_prompt) text.examples.push_back({{1, 13, 14, 15, 16}, {0, 0, 0, 1, 1}});
  const Retention retention({.weight = 0.3, .loss = loss, .batch_size = 3}, text, 1);
  const FurtherTerm term = retention.term(run.decoder, run.expansion, 0);
  run.optimizer.zero_grad();
  const at::Tensor found = term.backward(2.0);
  std::vector<at::Tensor> gradients;
  for (const Parameter& one : run.expansion.parameters()) {
    gradients.push_back(one.tensor.grad().clone());
  }

  // The same by formulas, each sequence by itself.
  run.optimizer.zero_grad();
  double compared = 0, targets = 0;
  at::Tensor divergence = at::zeros({}, at::kDouble), nll = divergence;
  for (const Example& example : text.examples) {
    TokenBatch batch;
    batch.append(example);
    const TokenTensors tokens = to_device(batch, at::kCPU);
    const at::Tensor p = run.log_softmax_of(tokens, 0).detach();
    const at::Tensor q = run.log_softmax_of(tokens, 1);
    const at::Tensor kl = (p.exp() * (p - q)).sum(-1);
    const std::int64_t length = std::ssize(example.tokens);
    for (std::int64_t row = 0; row < length; ++row) {
      const bool is_last = row + 1 == length;
      const bool is_learned = !is_last && example.learned[static_cast<std::size_t>(row) + 1] != 0;
      if (is_last || is_learned) divergence = divergence + kl[row], ++compared;
      if (is_learned)
        nll = nll - q[row][example.tokens[static_cast<std::size_t>(row) + 1]], ++targets;
    }
  }
  divergence = divergence / compared;
  nll = nll / targets;
  const bool diverges = loss != RetentionLoss::kCrossEntropy;
  const bool replays = loss != RetentionLoss::kDivergence;
  at::Tensor total = at::zeros({}, at::kDouble);
  if (diverges) total = total + divergence;
  if (replays) total = total + nll;
  (total * (0.3 * 2.0)).backward();
  CHECK(term.divisor == Approx(compared / 0.3));
  CHECK(term.has_divergence == diverges);
  CHECK(term.has_loss == replays);
  CHECK(found[0].item<double>() == Approx(diverges ? divergence.item<double>() : 0).epsilon(1e-5));
  CHECK(found[1].item<double>() == Approx(replays ? nll.item<double>() : 0).epsilon(1e-5));
  CHECK(divergence.item<double>() > 1e-4);
  const std::vector<Parameter> parameters = run.expansion.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    CAPTURE(parameters[i].name);
    CHECK(worst_difference(gradients[i], parameters[i].tensor.grad()) < 2e-6);
  }
}

}  // namespace
}  // namespace expandft
