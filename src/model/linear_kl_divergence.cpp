#include "model/linear_kl_divergence.h"

#include "kernels/fused_ops.h"
#include "model/head_gradients.h"
#include "model/linear_cross_entropy.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct LinearKlDivergenceFunction : torch::autograd::Function<LinearKlDivergenceFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& reference, const at::Tensor& reference_head,
                            std::optional<double> softcap) {
    const bool wants_grad = hidden.requires_grad() || head.requires_grad();
    HeadGradients gradients(hidden, head);
    at::Tensor sum = at::zeros({}, hidden.options().dtype(at::kDouble));
    const std::int64_t rows = hidden.size(0), step = head_chunk_rows(head);
    for (std::int64_t begin = 0; begin < rows; begin += step) {
      const std::int64_t count = std::min(step, rows - begin);
      const auto logits = [&](const at::Tensor& from, const at::Tensor& through) {
        const at::Tensor made = head_logits(from.narrow(0, begin, count), through, softcap);
        return wants_grad ? ready_for_gradients(made) : made;
      };
      at::Tensor found = logits(hidden, head);
      const at::Tensor expected = logits(reference, reference_head);
      sum.add_(kl_divergence(found, expected, softcap, wants_grad).sum(at::kDouble));
      if (wants_grad) gradients.add(begin, found);
    }
    ctx->save_for_backward({gradients.hidden(), gradients.head()});
    return sum.to(at::kFloat);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {scaled_hidden(saved[0], grads[0]), scaled_head(saved[1], grads[0]), {}, {}, {}};
  }
};

}  // namespace

at::Tensor linear_kl_divergence(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& reference, const at::Tensor& reference_head,
                                std::optional<double> softcap) {
  return LinearKlDivergenceFunction::apply(hidden, head, reference, reference_head, softcap);
}

}  // namespace expandft
