#include "model/head_gradients.h"

#include "kernels/matrix_product.h"

namespace expandft {
namespace {

// 1 in float16 is 65504 from its largest number, and 1.7e7 from its smallest. The rows of a head
// that a gradient is a sum of are far from 500.
constexpr double kHalfScale = 64;

}  // namespace

HeadGradients::HeadGradients(const at::Tensor& hidden, const at::Tensor& head)
    : hidden_(hidden.detach()), head_(head.detach()) {
  if (hidden.requires_grad()) dhidden_ = at::empty_like(hidden_);
  if (head.requires_grad()) dhead_ = at::zeros_like(head_, head_.options().dtype(at::kFloat));
}

void HeadGradients::add(std::int64_t begin, const at::Tensor& dlogits) {
  const std::int64_t rows = dlogits.size(0);
  if (dhidden_.defined()) {
    const bool is_half = head_.scalar_type() == at::kHalf;
    const at::Tensor ready = is_half ? dlogits * kHalfScale : dlogits;
    dhidden_.narrow(0, begin, rows).copy_(product(ready.to(head_.scalar_type()), head_));
  }
  if (dhead_.defined()) {
    dhead_.addmm_(dlogits.to(at::kFloat).t(), hidden_.narrow(0, begin, rows).to(at::kFloat));
  }
}

at::Tensor ready_for_gradients(const at::Tensor& logits) {
  return logits.scalar_type() == at::kHalf ? logits.to(at::kFloat) : logits;
}

at::Tensor scaled_hidden(const at::Tensor& gradient, const at::Tensor& by) {
  if (!gradient.defined() || gradient.scalar_type() != at::kHalf) return scaled_head(gradient, by);
  return (gradient.to(at::kFloat) * (by / kHalfScale)).to(at::kHalf);
}

at::Tensor scaled_head(const at::Tensor& gradient, const at::Tensor& by) {
  return gradient.defined() ? gradient * by : at::Tensor();
}

}  // namespace expandft
