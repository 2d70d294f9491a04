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

TEST_CASE("a model does not diverge from itself") {
  const at::Tensor head = at::randn({30, 4}), hidden = at::randn({9, 4}).requires_grad_(true);
  const at::Tensor found = linear_kl_divergence(hidden, head, hidden.detach().clone(), head);
  CHECK(found.item<double>() == 0);
  found.backward();
  CHECK(hidden.grad().abs().max().item<double>() == 0);
}

}  // namespace
}  // namespace expandft
