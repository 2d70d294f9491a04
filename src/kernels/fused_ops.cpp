#include "kernels/fused_ops.h"

#include "kernels/cpu_ops.h"
#include "kernels/plain_ops.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

namespace expandft {
namespace {

/// The operator of this name, called below autograd: the callers define the gradients.
template <typename Signature>
class Operator;
template <typename Result, typename... Arguments>
class Operator<Result(Arguments...)> {
 public:
  explicit Operator(const char* name)
      : handle_(c10::Dispatcher::singleton()
                    .findSchemaOrThrow(name, "")
                    .typed<Result(Arguments...)>()) {}
  Result operator()(Arguments... arguments) const {
    const at::AutoDispatchBelowADInplaceOrView below;
    return handle_.call(arguments...);
  }

 private:
  c10::TypedOperatorHandle<Result(Arguments...)> handle_;
};

}  // namespace

TORCH_LIBRARY(expandft, library) {
  library.def("rms_norm_forward(Tensor x, Tensor weight, float eps, int rule) -> (Tensor, Tensor)");
  library.def(
      "rms_norm_backward(Tensor dy, Tensor x, Tensor weight, Tensor rstd, int rule) -> "
      "Tensor");
  library.def("rotate(Tensor x, Tensor cos, Tensor sin, bool back) -> Tensor");
  library.def("gated_activation(Tensor gate, Tensor up, int activation) -> Tensor");
  library.def(
      "gated_activation_backward(Tensor grad, Tensor gate, Tensor up, int activation, "
      "bool wants_value) -> (Tensor, Tensor, Tensor)");
  library.def("softmax_sums(Tensor(a!) logits) -> (Tensor, Tensor)");
  library.def(
      "cross_entropy(Tensor(a!) logits, Tensor targets, float? softcap, bool wants_grad) -> "
      "Tensor");
  library.def(
      "weighted_cross_entropy(Tensor(a!) logits, Tensor targets, Tensor? weights, float? softcap) "
      "-> (Tensor, Tensor)");
  library.def("top_entropy(Tensor logits, int count) -> Tensor");
  library.def(
      "kl_divergence(Tensor(a!) logits, Tensor reference, float? softcap, bool wants_grad) -> "
      "Tensor");
}

TORCH_LIBRARY_IMPL(expandft, CompositeExplicitAutograd, library) {
  library.impl("rms_norm_forward", plain::rms_norm_forward);
  library.impl("rms_norm_backward", plain::rms_norm_backward);
  library.impl("rotate", plain::rotate);
  library.impl("gated_activation", plain::gated_activation);
  library.impl("gated_activation_backward", plain::gated_activation_backward);
  library.impl("softmax_sums", plain::softmax_sums);
  library.impl("cross_entropy", plain::cross_entropy);
  library.impl("weighted_cross_entropy", plain::weighted_cross_entropy);
  library.impl("top_entropy", plain::top_entropy);
  library.impl("kl_divergence", plain::kl_divergence);
}

TORCH_LIBRARY_IMPL(expandft, CPU, library) {
  library.impl("rms_norm_forward", cpu::rms_norm_forward);
  library.impl("rms_norm_backward", cpu::rms_norm_backward);
  library.impl("rotate", cpu::rotate);
  library.impl("gated_activation", cpu::gated_activation);
  library.impl("gated_activation_backward", cpu::gated_activation_backward);
  library.impl("softmax_sums", cpu::softmax_sums);
  library.impl("cross_entropy", cpu::cross_entropy);
  library.impl("weighted_cross_entropy", cpu::weighted_cross_entropy);
  library.impl("top_entropy", cpu::top_entropy);
  library.impl("kl_divergence", cpu::kl_divergence);
}

std::pair<at::Tensor, at::Tensor> rms_norm_forward(const at::Tensor& x, const at::Tensor& weight,
                                                   double eps, NormRule rule) {
  static const Operator<decltype(plain::rms_norm_forward)> op("expandft::rms_norm_forward");
  auto [y, rstd] = op(x, weight, eps, static_cast<std::int64_t>(rule));
  return {std::move(y), std::move(rstd)};
}

at::Tensor rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& rstd, NormRule rule) {
  static const Operator<decltype(plain::rms_norm_backward)> op("expandft::rms_norm_backward");
  return op(dy, x, weight, rstd, static_cast<std::int64_t>(rule));
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  static const Operator<decltype(plain::rotate)> op("expandft::rotate");
  return op(x, cos, sin, back);
}

at::Tensor gated_activation(const at::Tensor& gate, const at::Tensor& up, Activation activation) {
  static const Operator<decltype(plain::gated_activation)> op("expandft::gated_activation");
  return op(gate, up, static_cast<std::int64_t>(activation));
}

GatedActivationGrads gated_activation_backward(const at::Tensor& grad, const at::Tensor& gate,
                                               const at::Tensor& up, Activation activation,
                                               bool wants_value) {
  static const Operator<decltype(plain::gated_activation_backward)> op(
      "expandft::gated_activation_backward");
  auto [value, dgate, dup] = op(grad, gate, up, static_cast<std::int64_t>(activation), wants_value);
  return {std::move(value), std::move(dgate), std::move(dup)};
}

SoftmaxOfRows softmax_sums(at::Tensor& logits) {
  static const Operator<decltype(plain::softmax_sums)> op("expandft::softmax_sums");
  auto [largest, log_sum] = op(logits);
  return {std::move(largest), std::move(log_sum)};
}

at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                         std::optional<double> softcap, bool wants_grad) {
  static const Operator<decltype(plain::cross_entropy)> op("expandft::cross_entropy");
  return op(logits, targets, softcap, wants_grad);
}

WeightedLosses weighted_cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                                      const std::optional<at::Tensor>& weights,
                                      std::optional<double> softcap) {
  static const Operator<decltype(plain::weighted_cross_entropy)> op(
      "expandft::weighted_cross_entropy");
  auto [losses, used] = op(logits, targets, weights, softcap);
  return {std::move(losses), std::move(used)};
}

at::Tensor top_entropy(const at::Tensor& logits, std::int64_t count) {
  static const Operator<decltype(plain::top_entropy)> op("expandft::top_entropy");
  return op(logits, count);
}

at::Tensor kl_divergence(at::Tensor& logits, const at::Tensor& reference,
                         std::optional<double> softcap, bool wants_grad) {
  static const Operator<decltype(plain::kl_divergence)> op("expandft::kl_divergence");
  return op(logits, reference, softcap, wants_grad);
}

}  // namespace expandft
