#include "cuda/kernels.h"
#include "kernels/plain_ops.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

// The operators of fused_ops.h on a GPU, registered when the library is loaded. Dtypes and shapes
// that the kernels do not take go to plain ATen. Nothing here waits for the GPU.
namespace expandft::gpu {
namespace {

/// The common dtype of the tensors, if there is one and the kernels support it.
template <typename... Tensors>
std::optional<Number> number_of(const at::Tensor& first, const Tensors&... others) {
  if (((others.scalar_type() != first.scalar_type() || others.device() != first.device()) || ...)) {
    return std::nullopt;
  }
  switch (first.scalar_type()) {
    case at::kFloat:
      return Number::kFloat32;
    case at::kBFloat16:
      return Number::kBFloat16;
    case at::kHalf:
      return Number::kFloat16;
    default:
      return std::nullopt;
  }
}

/// The current stream of a tensor's device.
class Queue {
 public:
  explicit Queue(const at::Tensor& x)
      : guard_(x.device()), stream_(c10::cuda::getCurrentCUDAStream().stream()) {}
  /// Queues a kernel; throws if the launch failed.
  template <typename Work>
  void operator()(void (*launch)(const Work&, cudaStream_t), const Work& work) const {
    launch(work, stream_);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }

 private:
  c10::cuda::CUDAGuard guard_;
  cudaStream_t stream_;
};

/// The tensor, or a contiguous copy unless it is a matrix with contiguous rows.
at::Tensor with_dense_rows(const at::Tensor& x) {
  return x.dim() == 2 && x.stride(1) == 1 ? x : x.contiguous();
}
std::int64_t row_stride(const at::Tensor& x) {
  return x.dim() == 2 && x.size(0) > 1 ? x.stride(0) : x.size(-1);
}
ConstRows from(const at::Tensor& x) {
  return {x.const_data_ptr(), row_stride(x)};
}
Rows into(const at::Tensor& x) {
  return x.defined() ? Rows{x.mutable_data_ptr(), row_stride(x)} : Rows{};
}

/// Whether x (…, columns) is not empty and the weight is (columns).
bool suits_norm(const at::Tensor& x, const at::Tensor& weight) {
  return x.numel() > 0 && weight.dim() == 1 && weight.size(0) == x.size(-1);
}

bool are_matrices(const at::Tensor& first, const at::Tensor& second) {
  return first.dim() == 2 && first.sizes() == second.sizes();
}

std::tuple<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& weight,
                                                    double eps, std::int64_t rule) {
  const auto number = number_of(x, weight);
  if (!number || !suits_norm(x, weight)) return plain::rms_norm_forward(x, weight, eps, rule);
  const Queue queue(x);
  const at::Tensor in = with_dense_rows(x), w = weight.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = 1;
  at::Tensor rstd = at::empty(shape, x.options().dtype(at::kFloat));
  queue(launch_norm, NormForward{.number = *number,
                                 .rows = rstd.numel(),
                                 .columns = x.size(-1),
                                 .eps = static_cast<float>(eps),
                                 .rounds_first = rounds_first(rule),
                                 .added = added_to_weight(rule),
                                 .x = from(in),
                                 .weight = w.const_data_ptr(),
                                 .y = y.mutable_data_ptr(),
                                 .rstd = rstd.mutable_data_ptr<float>()});
  return {y, rstd};
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, std::int64_t rule) {
  const auto number = number_of(x, dy, weight);
  if (!number || !suits_norm(x, weight) || dy.sizes() != x.sizes() ||
      rstd.scalar_type() != at::kFloat || rstd.numel() != x.numel() / x.size(-1)) {
    return plain::rms_norm_backward(dy, x, weight, rstd, rule);
  }
  const Queue queue(x);
  const at::Tensor grad = with_dense_rows(dy), in = with_dense_rows(x), w = weight.contiguous();
  const at::Tensor r = rstd.contiguous();
  at::Tensor dx = at::empty(x.sizes(), x.options());
  queue(launch_norm_backward, NormBackward{.number = *number,
                                           .rows = r.numel(),
                                           .columns = x.size(-1),
                                           .added = added_to_weight(rule),
                                           .dy = from(grad),
                                           .x = from(in),
                                           .weight = w.const_data_ptr(),
                                           .rstd = r.const_data_ptr<float>(),
                                           .dx = dx.mutable_data_ptr()});
  return dx;
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  const auto number = number_of(x, cos, sin);
  if (!number || x.dim() != 3 || !are_matrices(cos, sin) || cos.size(0) != x.size(0) ||
      2 * cos.size(1) > x.size(2)) {
    return plain::rotate(x, cos, sin, back);
  }
  const Queue queue(x);
  const at::Tensor in = x.stride(2) == 1 ? x : x.contiguous();
  const at::Tensor c = cos.contiguous(), s = sin.contiguous();
  at::Tensor out = at::empty(x.sizes(), x.options());
  queue(launch_rotate, Rotation{.number = *number,
                                .tokens = x.size(0),
                                .heads = x.size(1),
                                .head_dim = x.size(2),
                                .half = c.size(1),
                                .back = back,
                                .x = in.const_data_ptr(),
                                .token_stride = in.stride(0),
                                .head_stride = in.stride(1),
                                .cos = c.const_data_ptr(),
                                .sin = s.const_data_ptr(),
                                .out = out.mutable_data_ptr()});
  return out;
}

at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, std::int64_t activation) {
  const auto number = number_of(gate, up);
  if (!number || !are_matrices(gate, up)) return plain::gated_activation(gate, up, activation);
  const Queue queue(gate);
  const at::Tensor g = with_dense_rows(gate), u = with_dense_rows(up);
  at::Tensor out = at::empty(gate.sizes(), gate.options());
  queue(launch_gated, GatedForward{.number = *number,
                                   .activation = static_cast<Activation>(activation),
                                   .rows = gate.size(0),
                                   .columns = gate.size(1),
                                   .gate = from(g),
                                   .up = from(u),
                                   .out = into(out)});
  return out;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> gated_activation_backward(const at::Tensor& grad,
                                                                         const at::Tensor& gate,
                                                                         const at::Tensor& up,
                                                                         std::int64_t activation,
                                                                         bool wants_value) {
  const auto number = number_of(gate, up, grad);
  if (!number || !are_matrices(gate, up) || !are_matrices(gate, grad)) {
    return plain::gated_activation_backward(grad, gate, up, activation, wants_value);
  }
  const Queue queue(gate);
  const at::Tensor d = with_dense_rows(grad), g = with_dense_rows(gate), u = with_dense_rows(up);
  const auto like_gate = [&] { return at::empty(gate.sizes(), gate.options()); };
  at::Tensor dgate = like_gate(), dup = like_gate(),
             value = wants_value ? like_gate() : at::Tensor();
  queue(launch_gated_backward, GatedBackward{.number = *number,
                                             .activation = static_cast<Activation>(activation),
                                             .rows = gate.size(0),
                                             .columns = gate.size(1),
                                             .grad = from(d),
                                             .gate = from(g),
                                             .up = from(u),
                                             .value = into(value),
                                             .dgate = into(dgate),
                                             .dup = into(dup)});
  return {value, dgate, dup};
}

/// Whether the kernel takes these. The gradient overwrites the logits, so a copy would be of no
/// use.
bool suits_cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  return number_of(logits) && logits.dim() == 2 && logits.size(1) > 0 && logits.stride(1) == 1 &&
         targets.dim() == 1 && targets.size(0) == logits.size(0) &&
         targets.scalar_type() == at::kLong && targets.device() == logits.device();
}

/// What the kernel is given of tensors that suit it; `targets` contiguous, `losses` (M), fp32.
CrossEntropy cross_entropy_of(at::Tensor& logits, const at::Tensor& targets, at::Tensor& losses,
                              std::optional<double> softcap, bool wants_grad) {
  return {.number = *number_of(logits),
          .rows = logits.size(0),
          .columns = logits.size(1),
          .cap = static_cast<float>(softcap.value_or(0)),
          .wants_grad = wants_grad,
          .logits = into(logits),
          .targets = targets.const_data_ptr<std::int64_t>(),
          .losses = losses.mutable_data_ptr<float>()};
}

at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                         std::optional<double> softcap, bool wants_grad) {
  if (!suits_cross_entropy(logits, targets)) {
    return plain::cross_entropy(logits, targets, softcap, wants_grad);
  }
  const Queue queue(logits);
  const at::Tensor wanted = targets.contiguous();
  at::Tensor losses = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
  queue(launch_cross_entropy, cross_entropy_of(logits, wanted, losses, softcap, wants_grad));
  return losses;
}

std::tuple<at::Tensor, at::Tensor> weighted_cross_entropy(at::Tensor& logits,
                                                          const at::Tensor& targets,
                                                          const std::optional<at::Tensor>& weights,
                                                          std::optional<double> softcap) {
  const bool suits_weights =
      !weights || (weights->device() == logits.device() && weights->dim() == 1 &&
                   weights->size(0) == logits.size(0));
  if (!suits_cross_entropy(logits, targets) || !suits_weights) {
    return plain::weighted_cross_entropy(logits, targets, weights, softcap);
  }
  const Queue queue(logits);
  const at::Tensor wanted = targets.contiguous();
  const auto for_each_row = [&] {
    return at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
  };
  at::Tensor losses = for_each_row();
  at::Tensor used = weights ? weights->to(at::kFloat).contiguous() : for_each_row();
  CrossEntropy rows = cross_entropy_of(logits, wanted, losses, softcap, /*wants_grad=*/true);
  if (weights) {
    rows.weights = used.const_data_ptr<float>();
  } else {
    rows.target_weights = used.mutable_data_ptr<float>();
  }
  queue(launch_cross_entropy, rows);
  return {losses, used};
}

}  // namespace

TORCH_LIBRARY_IMPL(expandft, CUDA, library) {
  library.impl("rms_norm_forward", rms_norm_forward);
  library.impl("rms_norm_backward", rms_norm_backward);
  library.impl("rotate", rotate);
  library.impl("gated_activation", gated_activation);
  library.impl("gated_activation_backward", gated_activation_backward);
  library.impl("cross_entropy", cross_entropy);
  library.impl("weighted_cross_entropy", weighted_cross_entropy);
}

}  // namespace expandft::gpu
