#include "kernels/plain_ops.h"

#include "families/decoder_spec.h"

#include <algorithm>

namespace expandft::plain {
namespace {

const char* gelu_approximation(std::int64_t activation) {
  return activation == static_cast<std::int64_t>(Activation::kGeluTanh) ? "tanh" : "none";
}
bool is_silu(std::int64_t activation) {
  return activation == static_cast<std::int64_t>(Activation::kSilu);
}

at::Tensor activate(const at::Tensor& x, std::int64_t activation) {
  return is_silu(activation) ? at::silu(x) : at::gelu(x, gelu_approximation(activation));
}

at::Tensor activate_backward(const at::Tensor& grad, const at::Tensor& x, std::int64_t activation) {
  return is_silu(activation) ? at::silu_backward(grad, x)
                             : at::gelu_backward(grad, x, gelu_approximation(activation));
}

/// log softmax in fp32. On a CPU LibTorch's own adds up the terms of a row one after the other, so
/// the many small terms of a large vocabulary are lost next to a large one.
at::Tensor row_log_softmax(const at::Tensor& logits) {
  const at::Tensor wide = logits.to(at::kFloat);
  const at::Tensor shifted = wide - wide.amax(-1, /*keepdim=*/true);
  return shifted - shifted.exp().sum(-1, /*keepdim=*/true).log_();
}

at::Tensor target_losses(const at::Tensor& log_probs, const at::Tensor& targets) {
  return log_probs.gather(1, targets.unsqueeze(1)).squeeze(1).neg();
}

/// d loss / d logits = softmax − onehot(target), through the cap, in fp32.
at::Tensor cross_entropy_gradient(const at::Tensor& logits, const at::Tensor& log_probs,
                                  const at::Tensor& targets, std::optional<double> softcap) {
  const at::Tensor target = targets.unsqueeze(1);
  at::Tensor dlogits = log_probs.exp();
  dlogits.scatter_add_(1, target, at::full_like(target, -1, dlogits.options()));
  if (softcap) dlogits.mul_((logits.to(at::kFloat) / *softcap).square_().neg_().add_(1));
  return dlogits;
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& weight,
                                                    double eps, std::int64_t rule) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor rstd = wide.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
  at::Tensor normed = wide * rstd;
  if (rounds_first(rule)) return {normed.to(x.scalar_type()).mul_(weight), rstd};
  return {normed.mul_(weight.to(at::kFloat) + added_to_weight(rule)).to(x.scalar_type()), rstd};
}

// With n = x·r: dx = r·(g − n·mean(g·n)), where g = dy·w (or dy·(1 + w)).
at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, std::int64_t rule) {
  const at::Tensor wide = dy.to(at::kFloat), normed = x.to(at::kFloat) * rstd;
  at::Tensor g = wide * (weight.to(at::kFloat) + added_to_weight(rule));
  const at::Tensor projection = (g * normed).mean(-1, /*keepdim=*/true);
  return g.addcmul_(normed, projection, -1).mul_(rstd).to(x.scalar_type());
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  const std::int64_t half = cos.size(-1);
  const at::Tensor first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
  const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
  at::Tensor out = at::empty_like(x, at::MemoryFormat::Contiguous);
  at::Tensor out_first = out.narrow(-1, 0, half), out_second = out.narrow(-1, half, half);
  at::mul_out(out_first, first, c);
  at::mul_out(out_second, second, c);
  out_first.addcmul_(second, s, back ? 1 : -1);
  out_second.addcmul_(first, s, back ? -1 : 1);
  if (const std::int64_t rest = x.size(-1) - 2 * half; rest > 0) {
    out.narrow(-1, 2 * half, rest).copy_(x.narrow(-1, 2 * half, rest));
  }
  return out;
}

at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, std::int64_t activation) {
  return activate(gate, activation).mul_(up);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gated_activation_backward(const at::Tensor& grad,
                                                                         const at::Tensor& gate,
                                                                         const at::Tensor& up,
                                                                         std::int64_t activation,
                                                                         bool wants_value) {
  const at::Tensor activated = activate(gate, activation);
  return {wants_value ? activated * up : at::Tensor(),
          activate_backward(grad * up, gate, activation), grad * activated};
}

std::tuple<at::Tensor, at::Tensor> softmax_sums(at::Tensor& logits) {
  at::Tensor wide = logits.to(at::kFloat);
  const at::Tensor largest = wide.amax(-1, /*keepdim=*/true);
  // In place: another tensor of this size would cost as much as the sums.
  return {largest.squeeze(-1), wide.sub_(largest).exp_().sum(-1).log_()};
}

at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                         std::optional<double> softcap, bool wants_grad) {
  const at::Tensor log_probs = row_log_softmax(logits);
  const at::Tensor losses = target_losses(log_probs, targets);
  if (wants_grad) logits.copy_(cross_entropy_gradient(logits, log_probs, targets, softcap));
  return losses;
}

std::tuple<at::Tensor, at::Tensor> weighted_cross_entropy(at::Tensor& logits,
                                                          const at::Tensor& targets,
                                                          const std::optional<at::Tensor>& weights,
                                                          std::optional<double> softcap) {
  const at::Tensor log_probs = row_log_softmax(logits);
  at::Tensor losses = target_losses(log_probs, targets);
  at::Tensor used = weights ? *weights : losses.neg().exp_();
  logits.copy_(cross_entropy_gradient(logits, log_probs, targets, softcap).mul_(used.unsqueeze(1)));
  return {losses, used};
}

at::Tensor top_entropy(const at::Tensor& logits, std::int64_t count) {
  const at::Tensor top = std::get<0>(logits.topk(std::min(count, logits.size(1))));
  return at::special_entr(row_log_softmax(top).exp_()).sum(-1);
}

at::Tensor kl_divergence(at::Tensor& logits, const at::Tensor& reference,
                         std::optional<double> softcap, bool wants_grad) {
  const at::Tensor log_q = row_log_softmax(logits), log_p = row_log_softmax(reference);
  const at::Tensor p = log_p.exp();
  const at::Tensor divergences = (p * (log_p - log_q)).sum(-1);
  if (!wants_grad) return divergences;
  at::Tensor dlogits = log_q.exp().sub_(p);
  if (softcap) dlogits.mul_((logits.to(at::kFloat) / *softcap).square_().neg_().add_(1));
  logits.copy_(dlogits);
  return divergences;
}

}  // namespace expandft::plain
