#include "model/linear_kl_divergence.h"

#include "catch.h"
#include "golden.h"
#include "model/linear_cross_entropy.h"

namespace expandft {
namespace {

TEST_CASE("the divergence and its gradient equal the formula's") {
  const auto softcap = GENERATE(std::optional<double>{}, std::optional<double>{3.0});
  const std::int64_t rows = GENERATE(1, 50, 7000);  // 7000: several chunks
  CAPTURE(softcap.value_or(0), rows);
  at::manual_seed(6);
  const at::Tensor head = at::randn({1500, 6});
  const at::Tensor reference = at::randn({rows, 6});
  const at::Tensor hidden = (reference + 0.5 * at::randn({rows, 6})).requires_grad_(true);
  const at::Tensor found = linear_kl_divergence(hidden, reference, head, softcap);
  (2 * found).backward();

  const at::Tensor h = hidden.detach().to(at::kDouble).requires_grad_(true);
  const auto log_softmax = [&](const at::Tensor& x) {
    const at::Tensor logits = at::mm(x, head.to(at::kDouble).t());
    return (softcap ? *softcap * at::tanh(logits / *softcap) : logits).log_softmax(-1);
  };
  const at::Tensor p = log_softmax(reference.to(at::kDouble));
  const at::Tensor expected = (p.exp() * (p - log_softmax(h))).sum();
  (2 * expected).backward();
  CHECK(found.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
  CHECK(worst_difference(hidden.grad(), h.grad()) < 2e-5);
}

TEST_CASE("a model does not diverge from itself") {
  const at::Tensor head = at::randn({30, 4}), hidden = at::randn({9, 4}).requires_grad_(true);
  const at::Tensor found = linear_kl_divergence(hidden, hidden.detach().clone(), head);
  CHECK(found.item<double>() == 0);
  found.backward();
  CHECK(hidden.grad().abs().max().item<double>() == 0);
}

}  // namespace
}  // namespace expandft
