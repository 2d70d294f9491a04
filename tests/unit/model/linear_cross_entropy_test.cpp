#include "model/linear_cross_entropy.h"

#include "catch.h"
#include "golden.h"

namespace expandft {
namespace {

TEST_CASE("a head of any dtype trains as PyTorch's cross-entropy says") {
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
  const double part = dtype == at::kFloat ? 1e-5 : 3e-2;  // of the largest value
  const auto close = [&](const at::Tensor& gradient, const at::Tensor& reference) {
    CHECK(gradient.scalar_type() == dtype);
    CHECK(worst_difference(gradient, reference) < part * reference.abs().max().item<double>());
  };
  CHECK(found.item<double>() ==
        Approx(expected.item<double>() * static_cast<double>(rows)).epsilon(part));
  close(hidden.grad(), h.grad());
  close(head.grad(), w.grad());
}

}  // namespace
}  // namespace expandft
