#include "model/linear_cross_entropy.h"

#include "kernels/fused_ops.h"
#include "kernels/matrix_product.h"
#include "model/head_gradients.h"

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Calls visit(begin, logits) with the logits (rows, V) of each chunk of rows.
template <typename Visit>
void for_each_chunk(const at::Tensor& hidden, const at::Tensor& head, std::optional<double> softcap,
                    Visit visit) {
  const std::int64_t rows = hidden.size(0), step = head_chunk_rows(head);
  for (std::int64_t begin = 0; begin < rows; begin += step) {
    const std::int64_t count = std::min(step, rows - begin);
    visit(begin, head_logits(hidden.narrow(0, begin, count), head, softcap));
  }
}

struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, std::optional<double> softcap) {
    const bool wants_grad = hidden.requires_grad() || head.requires_grad();
    HeadGradients gradients(hidden, head);
    at::Tensor loss = at::zeros({}, hidden.options().dtype(at::kDouble));
    for_each_chunk(hidden, head, softcap, [&](std::int64_t begin, at::Tensor logits) {
      const at::Tensor target = targets.narrow(0, begin, logits.size(0));
      if (wants_grad) logits = ready_for_gradients(logits);
      loss.add_(cross_entropy(logits, target, softcap, wants_grad).sum(at::kDouble));
      if (wants_grad) gradients.add(begin, logits);
    });
    ctx->save_for_backward({gradients.hidden(), gradients.head()});
    return loss.to(at::kFloat);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {scaled_hidden(saved[0], grads[0]), scaled_head(saved[1], grads[0]), {}, {}};
  }
};

}  // namespace

std::int64_t head_chunk_rows(const at::Tensor& head) {
  // 16 MB in fp32 stay in a CPU's caches; a GPU needs more work at once to be busy.
  const std::int64_t logits = std::int64_t{1} << (head.is_cuda() ? 26 : 22);
  return std::max<std::int64_t>(1, logits / head.size(0) / 16) * 16;
}

at::Tensor head_logits(const at::Tensor& hidden, const at::Tensor& head,
                       std::optional<double> softcap) {
  at::Tensor logits = product_transposed(hidden, head);
  return softcap ? logits.div_(*softcap).tanh_().mul_(*softcap) : logits;
}

at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& targets, std::optional<double> softcap) {
  return LinearCrossEntropyFunction::apply(hidden, head, targets, softcap);
}

at::Tensor target_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, std::optional<double> softcap) {
  const c10::NoGradGuard no_grad;
  at::Tensor out = at::empty({hidden.size(0)}, hidden.options().dtype(at::kFloat));
  for_each_chunk(hidden, head, softcap, [&](std::int64_t begin, at::Tensor logits) {
    const std::int64_t rows = logits.size(0);
    const at::Tensor losses = cross_entropy(logits, targets.narrow(0, begin, rows), softcap,
                                            /*wants_grad=*/false);
    out.narrow(0, begin, rows).copy_(losses.neg());
  });
  return out;
}

TokenScores token_scores(const at::Tensor& hidden, const at::Tensor& head,
                         const std::vector<std::int64_t>& rows,
                         const std::vector<std::int64_t>& tokens, std::optional<double> softcap) {
  const c10::NoGradGuard no_grad;
  const at::Tensor all_rows = at::tensor(rows, at::kLong).to(hidden.device());
  const at::Tensor all_tokens = at::tensor(tokens, at::kLong).to(hidden.device());
  std::vector<at::Tensor> log_probs, likeliest;
  std::int64_t done = 0;
  for_each_chunk(hidden, head, softcap, [&](std::int64_t begin, const at::Tensor& computed) {
    const at::Tensor logits = computed.to(at::kFloat);
    const std::int64_t end = begin + logits.size(0);
    const std::int64_t first = done;
    while (done < std::ssize(rows) && rows[static_cast<std::size_t>(done)] < end) ++done;
    if (done == first) return;
    const at::Tensor row = all_rows.narrow(0, first, done - first).sub(begin);
    const at::Tensor token = all_tokens.narrow(0, first, done - first);
    const at::Tensor chosen = logits.index({row, token});
    const at::Tensor best = logits.amax(-1, /*keepdim=*/true);
    // In place: another tensor of this size would cost as much as the sums.
    const at::Tensor sums = logits.sub_(best).exp_().sum(-1, /*keepdim=*/true).log_().add_(best);
    log_probs.push_back((chosen - sums.squeeze(1).index_select(0, row)).cpu());
    likeliest.push_back((best.squeeze(1).index_select(0, row) == chosen).cpu());
  });
  return {at::cat(log_probs), at::cat(likeliest)};
}

}  // namespace expandft
