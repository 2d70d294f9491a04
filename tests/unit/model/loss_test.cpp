#include "model/loss.h"

#include "catch.h"
#include "golden.h"

#include <cmath>
#include <vector>

namespace expandft {
namespace {

TEST_CASE("cross-entropy and its gradients equal PyTorch's in any dtype") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  at::manual_seed(6);
  const std::int64_t rows = 7000, vocabulary = 1500;  // several chunks
  const at::Tensor hidden = at::randn({rows, 6}).to(dtype).requires_grad_(true);
  const at::Tensor head = at::randn({vocabulary, 6}).to(dtype).requires_grad_(true);
  const at::Tensor targets = at::randint(vocabulary, {rows}, at::kLong);
  const at::Tensor found = linear_cross_entropy(hidden, head, targets, std::nullopt);
  (found / static_cast<double>(rows)).backward();

  const at::Tensor h = hidden.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor w = head.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor expected = at::cross_entropy_loss(at::mm(h, w.t()), targets);
  expected.backward();
  const double part = dtype == at::kFloat ? 1e-5 : 3e-2;  // relative to the largest value
  const auto close = [&](const at::Tensor& gradient, const at::Tensor& reference) {
    CHECK(gradient.scalar_type() == dtype);
    CHECK(worst_difference(gradient, reference) < part * reference.abs().max().item<double>());
  };
  CHECK(found.item<double>() ==
        Approx(expected.item<double>() * static_cast<double>(rows)).epsilon(part));
  close(hidden.grad(), h.grad());
  close(head.grad(), w.grad());
}

/// Token losses in double, as PyTorch's formulas have them.
struct TokenFormula {
  at::Tensor hidden, head;  // leaves
  at::Tensor losses, weights, divergences;

  TokenFormula(const at::Tensor& h, const at::Tensor& w, const at::Tensor& targets,
               const TokenLossTerms& terms, std::optional<double> softcap)
      : hidden(h.detach().to(at::kDouble).requires_grad_(true)),
        head(w.detach().to(at::kDouble).requires_grad_(true)) {
    const auto logits_of = [&](const at::Tensor& from, const at::Tensor& through) {
      const at::Tensor logits = at::mm(from, through.t());
      return softcap ? *softcap * at::tanh(logits / *softcap) : logits;
    };
    const at::Tensor logits = logits_of(hidden, head), log_probs = logits.log_softmax(-1);
    losses = -log_probs.gather(1, targets.unsqueeze(1)).squeeze(1);
    weights = at::ones_like(losses);
    if (terms.rule == TokenWeights::kEaft) {
      const at::Tensor top = std::get<0>(logits.topk(20)).log_softmax(-1);
      weights = -(top.exp() * top).sum(-1) / std::log(20.0);
    }
    if (terms.rule == TokenWeights::kDft) weights = (-losses).exp();
    if (terms.rule == TokenWeights::kStm) weights = terms.weights.to(at::kDouble);
    weights = weights.detach();
    divergences = at::zeros_like(losses);
    if (terms.reference.defined()) {
      const at::Tensor p =
          logits_of(terms.reference.to(at::kDouble), terms.reference_head.to(at::kDouble))
              .log_softmax(-1);
      divergences = (p.exp() * (p - log_probs)).sum(-1);
    }
    ((weights * losses).sum() + terms.divergence_weight * divergences.sum()).backward();
  }
};

TEST_CASE("weighted losses and their gradients equal PyTorch's formulas") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  const auto rule =
      GENERATE(TokenWeights::kNone, TokenWeights::kEaft, TokenWeights::kDft, TokenWeights::kStm);
  const auto softcap = GENERATE(std::optional<double>{}, std::optional<double>{3.0});
  const bool diverges = GENERATE(false, true);
  CAPTURE(dtype, static_cast<int>(rule), softcap.value_or(0), diverges);
  at::manual_seed(6);
  const std::int64_t rows = 5000, vocabulary = 1500;  // several chunks
  const at::Tensor hidden = at::randn({rows, 6}).to(dtype).requires_grad_(true);
  const at::Tensor head = at::randn({vocabulary, 6}).to(dtype).requires_grad_(true);
  const at::Tensor targets = at::randint(vocabulary, {rows}, at::kLong);
  TokenLossTerms terms{.rule = rule};
  if (rule == TokenWeights::kStm) terms.weights = at::randint(2, {rows}).to(at::kFloat) * 1.5;
  if (diverges) {
    terms.reference = (hidden.detach() + 0.3 * at::randn({rows, 6}).to(dtype)).to(dtype);
    terms.reference_head = head.detach();
    terms.divergence_weight = 0.7;
  }
  const TokenLosses found = linear_token_losses(hidden, head, targets, terms, softcap);
  found.total.backward();
  const TokenFormula expected(hidden, head, targets, terms, softcap);
  const double part = dtype == at::kFloat ? 2e-5 : 5e-2;  // relative to the largest value
  const auto number = [&](int place) { return found.sums[place].item<double>(); };
  const double loss = expected.losses.sum().item<double>();
  const double weighted = (expected.weights * expected.losses).sum().item<double>();
  const double divergence = expected.divergences.sum().item<double>();
  CHECK(number(0) == Approx(loss).epsilon(part));
  CHECK(number(1) == Approx(weighted).epsilon(part));
  CHECK(number(2) == Approx(divergence).epsilon(part).margin(1e-6));
  CHECK(found.total.item<double>() ==
        Approx(number(1) + terms.divergence_weight * number(2)).epsilon(1e-6));
  const auto close = [&](const at::Tensor& gradient, const at::Tensor& reference) {
    CHECK(gradient.scalar_type() == dtype);
    CHECK(worst_difference(gradient, reference) < part * reference.abs().max().item<double>());
  };
  close(hidden.grad(), expected.hidden.grad());
  close(head.grad(), expected.head.grad());
}

TEST_CASE("weights are those of their papers in a vocabulary of 262144") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  const auto rule = GENERATE(TokenWeights::kEaft, TokenWeights::kDft);
  CAPTURE(dtype, static_cast<int>(rule));
  at::manual_seed(7);
  const std::int64_t rows = 12, vocabulary = 262144;
  const at::Tensor hidden = (2 * at::randn({rows, 8})).to(dtype).requires_grad_(true);
  const at::Tensor head = at::randn({vocabulary, 8}).to(dtype);
  const at::Tensor likeliest = at::mm(hidden.detach().to(at::kFloat), head.to(at::kFloat).t())
                                   .argmax(-1);  // others have a probability of almost 0
  const TokenLossTerms terms{.rule = rule};
  const TokenLosses found = linear_token_losses(hidden, head, likeliest, terms, 30.0);
  found.total.backward();
  const TokenFormula expected(hidden, head, likeliest, terms, 30.0);
  // A logit of 16 to 30 is rounded to steps of 1/8 in bfloat16.
  const double part = dtype == at::kFloat ? 5e-5 : 1e-1;
  const double weighted = (expected.weights * expected.losses).sum().item<double>();
  CHECK(weighted > 0.1);
  CHECK(found.sums[1].item<double>() == Approx(weighted).epsilon(part));
  CHECK(worst_difference(hidden.grad(), expected.hidden.grad()) <
        part * expected.hidden.grad().abs().max().item<double>());
}

TEST_CASE("the weight of a token by entropy is 1 for equal logits and 0 for a certain one") {
  const std::int64_t vocabulary = GENERATE(5, 20, 300);  // fewer than the 20 likeliest too
  CAPTURE(vocabulary);
  const at::Tensor targets = at::zeros({2}, at::kLong);
  // Through this head the logits of row 0 are equal, and those of row 1 are 0 but for one.
  at::Tensor head = at::zeros({vocabulary, 2});
  head[1][1] = 1000;
  const at::Tensor hidden = at::eye(2);
  const TokenLosses found =
      linear_token_losses(hidden, head, targets, {.rule = TokenWeights::kEaft});
  const double of_equal = std::log(static_cast<double>(vocabulary));
  CHECK(found.sums[0].item<double>() == Approx(of_equal + 1000));
  CHECK(found.sums[1].item<double>() == Approx(of_equal));
}

TEST_CASE("token losses without terms are the cross-entropy bit for bit") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  at::manual_seed(6);
  const at::Tensor hidden = at::randn({300, 6}).to(dtype).requires_grad_(true);
  const at::Tensor same = hidden.detach().clone().requires_grad_(true);
  const at::Tensor head = at::randn({700, 6}).to(dtype);
  const at::Tensor targets = at::randint(700, {300}, at::kLong);
  const at::Tensor plain = linear_cross_entropy(hidden, head, targets, 20.0);
  plain.backward();
  for (const TokenWeights rule : {TokenWeights::kNone, TokenWeights::kStm}) {
    same.mutable_grad().reset();
    const TokenLosses found =
        linear_token_losses(same, head, targets, {.rule = rule, .weights = at::ones({300})}, 20.0);
    found.total.backward();
    CHECK(found.total.item<float>() == plain.item<float>());
    CHECK(same.grad().equal(hidden.grad()));
  }
}

TEST_CASE("a chunk of the head has enough rows and bounded logits") {
  const auto rows = [](std::int64_t vocabulary, at::ScalarType dtype) {
    return head_chunk_rows(at::empty({vocabulary, 1}, dtype));
  };
  CHECK(rows(262144, at::kFloat) == 256);     // 256 MiB
  CHECK(rows(262144, at::kBFloat16) == 512);  // 256 MiB
  CHECK(rows(262144, at::kHalf) == 256);      // widened for gradients
  CHECK(rows(32000, at::kFloat) == 256);
  CHECK(rows(512, at::kFloat) == 8192);        // 16 MiB
  CHECK(rows(4 << 20, at::kBFloat16) == 32);   // 256 MiB
  CHECK(rows(16 << 20, at::kBFloat16) == 16);  // the smallest chunk
}

TEST_CASE("the divergence and its gradient equal the formula") {
  const auto softcap = GENERATE(std::optional<double>{}, std::optional<double>{3.0});
  const std::int64_t rows = GENERATE(1, 50, 7000);  // 7000: several chunks
  CAPTURE(softcap.value_or(0), rows);
  at::manual_seed(6);
  const at::Tensor reference_head = at::randn({1500, 6});
  const bool trains_head = GENERATE(false, true);
  const at::Tensor head = trains_head
                              ? (reference_head + 0.1 * at::randn({1500, 6})).requires_grad_(true)
                              : reference_head;
  const at::Tensor reference = at::randn({rows, 6});
  const at::Tensor hidden = (reference + 0.5 * at::randn({rows, 6})).requires_grad_(true);
  const at::Tensor found = linear_kl_divergence(hidden, head, reference, reference_head, softcap);
  (2 * found).backward();

  const at::Tensor h = hidden.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor w = head.detach().to(at::kDouble).requires_grad_(true);
  const auto log_softmax = [&](const at::Tensor& x, const at::Tensor& through) {
    const at::Tensor logits = at::mm(x, through.t());
    return (softcap ? *softcap * at::tanh(logits / *softcap) : logits).log_softmax(-1);
  };
  const at::Tensor p = log_softmax(reference.to(at::kDouble), reference_head.to(at::kDouble));
  const at::Tensor expected = (p.exp() * (p - log_softmax(h, w))).sum();
  (2 * expected).backward();
  CHECK(found.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
  CHECK(worst_difference(hidden.grad(), h.grad()) < 2e-5);
  if (trains_head)
    CHECK(worst_difference(head.grad(), w.grad()) < 1e-5 * static_cast<double>(rows));
}

TEST_CASE("in 16 bits the divergence and its gradients are within its rounding") {
  const auto dtype = GENERATE(at::kBFloat16, at::kHalf);
  const bool trains_head = GENERATE(false, true);
  const std::int64_t rows = 70, vocabulary = 70000;  // several chunks and parts of the vocabulary
  CAPTURE(dtype, trains_head);
  at::manual_seed(7);
  const at::Tensor reference_head = at::randn({vocabulary, 6}).to(dtype);
  const at::Tensor head =
      trains_head ? reference_head.clone().requires_grad_(true) : reference_head;
  const at::Tensor reference = at::randn({rows, 6}).to(dtype);
  const at::Tensor hidden = (reference + 0.5 * at::randn({rows, 6})).to(dtype).requires_grad_(true);
  const at::Tensor found = linear_kl_divergence(hidden, head, reference, reference_head);
  found.backward();

  const at::Tensor h = hidden.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor w = head.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor p =
      at::mm(reference.to(at::kDouble), reference_head.to(at::kDouble).t()).log_softmax(-1);
  const at::Tensor expected = (p.exp() * (p - at::mm(h, w.t()).log_softmax(-1))).sum();
  expected.backward();
  CHECK(found.item<double>() == Approx(expected.item<double>()).epsilon(2e-3));
  const auto relative = [](const at::Tensor& gradient, const at::Tensor& exact) {
    return worst_difference(gradient, exact) / exact.abs().max().item<double>();
  };
  CHECK(relative(hidden.grad(), h.grad()) < 3e-2);
  if (trains_head) CHECK(relative(head.grad(), w.grad()) < 3e-2);
}

TEST_CASE("tokens are scored by the log softmax of their row, in any dtype") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  CAPTURE(dtype);
  at::manual_seed(8);
  const std::int64_t vocabulary = 70001;  // several chunks
  const at::Tensor hidden = at::randn({131, 6}).to(dtype);
  const at::Tensor head = at::randn({vocabulary, 6}).to(dtype);
  const at::Tensor logits = head_logits(hidden, head, {}).to(at::kDouble);
  const at::Tensor best = logits.argmax(-1);
  std::vector<std::int64_t> rows, tokens;
  for (std::int64_t row = 0; row < 131; row += 3) {
    rows.insert(rows.end(), {row, row});
    tokens.insert(tokens.end(), {best[row].item<std::int64_t>(), (row * 517) % vocabulary});
  }
  const TokenScores scores = token_scores(hidden, head, rows, tokens);
  const at::Tensor row = at::tensor(rows), token = at::tensor(tokens);
  const at::Tensor expected = logits.log_softmax(-1).index({row, token});
  // A chunk of rows may be multiplied in another order than all of them, then rounded.
  CHECK(worst_difference(scores.log_probs, expected) < (dtype == at::kFloat ? 1e-5 : 7e-2));
  for (std::int64_t i = 0; i < token.size(0); i += 2) CHECK(scores.likeliest[i].item<bool>());
  CHECK(scores.likeliest.sum().item<std::int64_t>() < 2 * token.size(0) / 3);
}

TEST_CASE("the divergence of a model from itself is exactly zero") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  // Full and partial tiles of a product.
  const std::int64_t rows = GENERATE(1, 7, 9, 64, 333), width = GENERATE(4, 640);
  CAPTURE(dtype, rows, width);
  const at::Tensor head = at::randn({3001, width}).to(dtype);
  const at::Tensor hidden = at::randn({rows, width}).to(dtype).requires_grad_(true);
  const at::Tensor found = linear_kl_divergence(hidden, head, hidden.detach().clone(), head);
  CHECK(found.item<double>() == 0);
  found.backward();
  CHECK(hidden.grad().abs().max().item<double>() == 0);
}

}  // namespace
}  // namespace expandft
