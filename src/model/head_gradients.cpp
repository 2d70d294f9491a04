#include "model/head_gradients.h"

#include "model/matrix_product.h"

namespace expandft {

HeadGradients::HeadGradients(const at::Tensor& hidden, const at::Tensor& head)
    : hidden_(hidden.detach()), head_(head.detach()) {
  if (hidden.requires_grad()) dhidden_ = at::empty_like(hidden_);
  if (head.requires_grad()) dhead_ = at::zeros_like(head_, head_.options().dtype(at::kFloat));
}

void HeadGradients::add(std::int64_t begin, const at::Tensor& dlogits) {
  const std::int64_t rows = dlogits.size(0);
  if (dhidden_.defined()) {
    dhidden_.narrow(0, begin, rows).copy_(product(dlogits.to(head_.scalar_type()), head_));
  }
  if (dhead_.defined()) {
    dhead_.addmm_(dlogits.to(at::kFloat).t(), hidden_.narrow(0, begin, rows).to(at::kFloat));
  }
}

at::Tensor scaled(const at::Tensor& gradient, const at::Tensor& by) {
  return gradient.defined() ? gradient * by : at::Tensor();
}

}  // namespace expandft
