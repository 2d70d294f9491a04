#include "kernels/cpu_ops.h"

#include "families/decoder_spec.h"
#include "kernels/cpu_dispatch.h"
#include "kernels/elementwise_kernels.h"

#include <algorithm>

namespace expandft::cpu {
namespace {

const ElementwiseKernels& kernels() {
#if defined(EXPANDFT_X86_KERNELS)
  static const ElementwiseKernels& best =
      best_of(kAvx512Elementwise, kAvx2Elementwise, kBaselineElementwise);
  return best;
#else
  return kBaselineElementwise;
#endif
}

/// Null for an activation without kernels.
const GatedKernels* gated_kernels(std::int64_t activation) {
  switch (static_cast<Activation>(activation)) {
    case Activation::kSilu:
      return &kernels().silu;
    case Activation::kGeluTanh:
      return &kernels().gelu_tanh;
    case Activation::kGelu:
      break;
  }
  return nullptr;
}

template <typename... Tensors>
bool are_float(const Tensors&... tensors) {
  return ((tensors.scalar_type() == at::kFloat) && ...);
}

/// Calls visit(begin, end) for chunks of the rows, from all threads.
template <typename Visit>
void for_rows(std::int64_t rows, std::int64_t columns, Visit visit) {
  constexpr std::int64_t kNumbers = 1 << 14;  // in a chunk: fewer are not worth a thread
  const std::int64_t chunk = std::max<std::int64_t>(1, kNumbers / columns);
  for_each_task((rows + chunk - 1) / chunk, [&](std::int64_t task) {
    visit(task * chunk, std::min(rows, (task + 1) * chunk));
  });
}

/// The matrix, or a contiguous copy unless the numbers of each row are contiguous.
at::Tensor with_dense_rows(const at::Tensor& x) {
  return x.stride(-1) == 1 ? x : x.contiguous();
}

ConstStrided from(const at::Tensor& x, std::int64_t row) {
  return {x.const_data_ptr<float>() + row * x.stride(0), x.stride(0)};
}
Strided into(const at::Tensor& x, std::int64_t row) {
  return {x.data_ptr<float>() + row * x.stride(0), x.stride(0)};
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& weight,
                                                    double eps, bool adds_one) {
  if (!are_float(x, weight)) return plain::rms_norm_forward(x, weight, eps, adds_one);
  const at::Tensor in = x.contiguous(), w = weight.contiguous();
  const std::int64_t columns = x.size(-1), rows = in.numel() / columns;
  at::Tensor y = at::empty_like(in);
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = 1;
  at::Tensor rstd = at::empty(shape, x.options());
  for_rows(rows, columns, [&](std::int64_t begin, std::int64_t end) {
    kernels().norm({.rows = end - begin,
                    .columns = columns,
                    .eps = static_cast<float>(eps),
                    .adds_one = adds_one,
                    .x = in.const_data_ptr<float>() + begin * columns,
                    .weight = w.const_data_ptr<float>(),
                    .y = y.data_ptr<float>() + begin * columns,
                    .rstd = rstd.data_ptr<float>() + begin});
  });
  return {y, rstd};
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, bool adds_one) {
  if (!are_float(dy, x, weight)) return plain::rms_norm_backward(dy, x, weight, rstd, adds_one);
  const at::Tensor grad = dy.contiguous(), in = x.contiguous(), w = weight.contiguous();
  const std::int64_t columns = x.size(-1), rows = in.numel() / columns;
  at::Tensor dx = at::empty_like(in);
  for_rows(rows, columns, [&](std::int64_t begin, std::int64_t end) {
    kernels().norm_backward({.rows = end - begin,
                             .columns = columns,
                             .adds_one = adds_one,
                             .dy = grad.const_data_ptr<float>() + begin * columns,
                             .x = in.const_data_ptr<float>() + begin * columns,
                             .weight = w.const_data_ptr<float>(),
                             .rstd = rstd.const_data_ptr<float>() + begin,
                             .dx = dx.data_ptr<float>() + begin * columns});
  });
  return dx;
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  if (!are_float(x, cos, sin)) return plain::rotate(x, cos, sin, back);
  const std::int64_t tokens = x.size(0), heads = x.size(1), head_dim = x.size(2);
  const bool is_dense = x.stride(2) == 1 && x.stride(1) == head_dim;
  const at::Tensor in = is_dense ? x : x.contiguous(), c = cos.contiguous(), s = sin.contiguous();
  const std::int64_t half = c.size(1);
  at::Tensor out = at::empty(x.sizes(), x.options());
  for_rows(tokens, heads * head_dim, [&](std::int64_t begin, std::int64_t end) {
    kernels().rotate({.tokens = end - begin,
                      .heads = heads,
                      .head_dim = head_dim,
                      .half = half,
                      .back = back,
                      .x = from(in, begin),
                      .cos = c.const_data_ptr<float>() + begin * half,
                      .sin = s.const_data_ptr<float>() + begin * half,
                      .out = out.data_ptr<float>() + begin * heads * head_dim});
  });
  return out;
}

at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, std::int64_t activation) {
  const GatedKernels* const gated = gated_kernels(activation);
  if (gated == nullptr || !are_float(gate, up)) {
    return plain::gated_activation(gate, up, activation);
  }
  const at::Tensor g = with_dense_rows(gate), u = with_dense_rows(up);
  at::Tensor out = at::empty(g.sizes(), g.options());
  for_rows(g.size(0), g.size(1), [&](std::int64_t begin, std::int64_t end) {
    gated->forward({.rows = end - begin,
                    .columns = g.size(1),
                    .gate = from(g, begin),
                    .up = from(u, begin),
                    .out = into(out, begin)});
  });
  return out;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gated_activation_backward(const at::Tensor& grad,
                                                                         const at::Tensor& gate,
                                                                         const at::Tensor& up,
                                                                         std::int64_t activation,
                                                                         bool wants_value) {
  const GatedKernels* const gated = gated_kernels(activation);
  if (gated == nullptr || !are_float(grad, gate, up)) {
    return plain::gated_activation_backward(grad, gate, up, activation, wants_value);
  }
  const at::Tensor d = with_dense_rows(grad), g = with_dense_rows(gate), u = with_dense_rows(up);
  at::Tensor dgate = at::empty(g.sizes(), g.options()), dup = at::empty(g.sizes(), g.options());
  at::Tensor value;
  if (wants_value) value = at::empty(g.sizes(), g.options());
  for_rows(g.size(0), g.size(1), [&](std::int64_t begin, std::int64_t end) {
    gated->backward({.rows = end - begin,
                     .columns = g.size(1),
                     .grad = from(d, begin),
                     .gate = from(g, begin),
                     .up = from(u, begin),
                     .value = wants_value ? into(value, begin) : Strided{},
                     .dgate = into(dgate, begin),
                     .dup = into(dup, begin)});
  });
  return {value, dgate, dup};
}

at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                         std::optional<double> softcap, bool wants_grad) {
  if (!are_float(logits) || !logits.is_contiguous()) {
    return plain::cross_entropy(logits, targets, softcap, wants_grad);
  }
  const std::int64_t rows = logits.size(0), vocabulary = logits.size(1);
  const at::Tensor wanted = targets.contiguous();
  at::Tensor losses = at::empty({rows}, logits.options());
  const auto kernel = wants_grad ? kernels().cross_entropy_backward : kernels().cross_entropy;
  for_rows(rows, vocabulary, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      losses.data_ptr<float>()[i] = kernel({.vocabulary = vocabulary,
                                            .target = wanted.const_data_ptr<std::int64_t>()[i],
                                            .cap = static_cast<float>(softcap.value_or(0)),
                                            .logits = logits.data_ptr<float>() + i * vocabulary});
    }
  });
  return losses;
}

at::Tensor kl_divergence(at::Tensor& logits, const at::Tensor& reference,
                         std::optional<double> softcap, bool wants_grad) {
  if (!are_float(logits, reference) || !logits.is_contiguous()) {
    return plain::kl_divergence(logits, reference, softcap, wants_grad);
  }
  const std::int64_t rows = logits.size(0), vocabulary = logits.size(1);
  const at::Tensor base = reference.contiguous();
  at::Tensor divergences = at::empty({rows}, logits.options());
  const auto kernel = wants_grad ? kernels().kl_divergence_backward : kernels().kl_divergence;
  for_rows(rows, vocabulary, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      divergences.data_ptr<float>()[i] =
          kernel({.vocabulary = vocabulary,
                  .cap = static_cast<float>(softcap.value_or(0)),
                  .logits = logits.data_ptr<float>() + i * vocabulary,
                  .reference = base.const_data_ptr<float>() + i * vocabulary});
    }
  });
  return divergences;
}

}  // namespace expandft::cpu
