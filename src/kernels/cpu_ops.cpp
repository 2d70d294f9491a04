#include "kernels/cpu_ops.h"

#include "families/decoder_spec.h"
#include "kernels/cpu_dispatch.h"
#include "kernels/simd/elementwise_kernels.h"
#include "kernels/stored_type.h"

#include <type_traits>

namespace expandft::cpu {
namespace {

template <typename T>
const ElementwiseKernels<T>& kernels() {
#if defined(EXPANDFT_X86_KERNELS)
  if constexpr (std::is_same_v<T, Bf16>) {
    return best_of(kAvx512Bf16Elementwise, kAvx2Bf16Elementwise, kBaselineBf16Elementwise);
  } else {
    return best_of(kAvx512Elementwise, kAvx2Elementwise, kBaselineElementwise);
  }
#else
  if constexpr (std::is_same_v<T, Bf16>) {
    return kBaselineBf16Elementwise;
  } else {
    return kBaselineElementwise;
  }
#endif
}

bool has_kernels(std::int64_t activation) {
  return static_cast<Activation>(activation) != Activation::kGelu;
}
template <typename T>
const GatedKernels<T>& gated_kernels(std::int64_t activation) {
  return static_cast<Activation>(activation) == Activation::kSilu ? kernels<T>().silu
                                                                  : kernels<T>().gelu_tanh;
}

/// The matrix, or a contiguous copy unless the numbers of each row are contiguous.
at::Tensor with_dense_rows(const at::Tensor& x) {
  return x.stride(-1) == 1 ? x : x.contiguous();
}

template <typename T>
Strided<const T> from(const at::Tensor& x, std::int64_t row) {
  return {numbers<T>(x) + row * x.stride(0), x.stride(0)};
}
template <typename T>
Strided<T> into(const at::Tensor& x, std::int64_t row) {
  return {mutable_numbers<T>(x) + row * x.stride(0), x.stride(0)};
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& weight,
                                                    double eps, std::int64_t rule) {
  const auto run = [&]<typename T>() {
    const at::Tensor in = x.contiguous(), w = weight.contiguous();
    const std::int64_t columns = x.size(-1), rows = in.numel() / columns;
    at::Tensor y = at::empty_like(in);
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = 1;
    at::Tensor rstd = at::empty(shape, x.options().dtype(at::kFloat));
    for_rows(rows, columns, [&](std::int64_t begin, std::int64_t end) {
      kernels<T>().norm({.rows = end - begin,
                         .columns = columns,
                         .eps = static_cast<float>(eps),
                         .rounds_first = rounds_first(rule),
                         .added = added_to_weight(rule),
                         .x = numbers<T>(in) + begin * columns,
                         .weight = numbers<T>(w),
                         .y = mutable_numbers<T>(y) + begin * columns,
                         .rstd = mutable_numbers<float>(rstd) + begin});
    });
    return std::tuple(y, rstd);
  };
  return with_stored_type(common_dtype(x, weight), run,
                          [&] { return plain::rms_norm_forward(x, weight, eps, rule); });
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, std::int64_t rule) {
  const auto run = [&]<typename T>() {
    const at::Tensor grad = dy.contiguous(), in = x.contiguous(), w = weight.contiguous();
    const std::int64_t columns = x.size(-1), rows = in.numel() / columns;
    at::Tensor dx = at::empty_like(in);
    for_rows(rows, columns, [&](std::int64_t begin, std::int64_t end) {
      kernels<T>().norm_backward({.rows = end - begin,
                                  .columns = columns,
                                  .added = added_to_weight(rule),
                                  .dy = numbers<T>(grad) + begin * columns,
                                  .x = numbers<T>(in) + begin * columns,
                                  .weight = numbers<T>(w),
                                  .rstd = numbers<float>(rstd) + begin,
                                  .dx = mutable_numbers<T>(dx) + begin * columns});
    });
    return dx;
  };
  return with_stored_type(common_dtype(dy, x, weight), run,
                          [&] { return plain::rms_norm_backward(dy, x, weight, rstd, rule); });
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  const auto run = [&]<typename T>() {
    const std::int64_t tokens = x.size(0), heads = x.size(1), head_dim = x.size(2);
    const bool is_dense = x.stride(2) == 1 && x.stride(1) == head_dim;
    const at::Tensor in = is_dense ? x : x.contiguous(), c = cos.contiguous(), s = sin.contiguous();
    const std::int64_t half = c.size(1);
    at::Tensor out = at::empty(x.sizes(), x.options());
    for_rows(tokens, heads * head_dim, [&](std::int64_t begin, std::int64_t end) {
      kernels<T>().rotate({.tokens = end - begin,
                           .heads = heads,
                           .head_dim = head_dim,
                           .half = half,
                           .back = back,
                           .x = from<T>(in, begin),
                           .cos = numbers<T>(c) + begin * half,
                           .sin = numbers<T>(s) + begin * half,
                           .out = mutable_numbers<T>(out) + begin * heads * head_dim});
    });
    return out;
  };
  return with_stored_type(common_dtype(x, cos, sin), run,
                          [&] { return plain::rotate(x, cos, sin, back); });
}

at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, std::int64_t activation) {
  const auto plainly = [&] { return plain::gated_activation(gate, up, activation); };
  if (!has_kernels(activation)) return plainly();
  const auto run = [&]<typename T>() {
    const at::Tensor g = with_dense_rows(gate), u = with_dense_rows(up);
    at::Tensor out = at::empty(g.sizes(), g.options());
    for_rows(g.size(0), g.size(1), [&](std::int64_t begin, std::int64_t end) {
      gated_kernels<T>(activation)
          .forward({.rows = end - begin,
                    .columns = g.size(1),
                    .gate = from<T>(g, begin),
                    .up = from<T>(u, begin),
                    .out = into<T>(out, begin)});
    });
    return out;
  };
  return with_stored_type(common_dtype(gate, up), run, plainly);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gated_activation_backward(const at::Tensor& grad,
                                                                         const at::Tensor& gate,
                                                                         const at::Tensor& up,
                                                                         std::int64_t activation,
                                                                         bool wants_value) {
  const auto plainly = [&] {
    return plain::gated_activation_backward(grad, gate, up, activation, wants_value);
  };
  if (!has_kernels(activation)) return plainly();
  const auto run = [&]<typename T>() {
    const at::Tensor d = with_dense_rows(grad), g = with_dense_rows(gate), u = with_dense_rows(up);
    at::Tensor dgate = at::empty(g.sizes(), g.options()), dup = at::empty(g.sizes(), g.options());
    at::Tensor value;
    if (wants_value) value = at::empty(g.sizes(), g.options());
    for_rows(g.size(0), g.size(1), [&](std::int64_t begin, std::int64_t end) {
      gated_kernels<T>(activation)
          .backward({.rows = end - begin,
                     .columns = g.size(1),
                     .grad = from<T>(d, begin),
                     .gate = from<T>(g, begin),
                     .up = from<T>(u, begin),
                     .value = wants_value ? into<T>(value, begin) : Strided<T>{},
                     .dgate = into<T>(dgate, begin),
                     .dup = into<T>(dup, begin)});
    });
    return std::tuple(value, dgate, dup);
  };
  return with_stored_type(common_dtype(grad, gate, up), run, plainly);
}

}  // namespace expandft::cpu
