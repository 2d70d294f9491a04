#include "kernels/matrix_product.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace expandft {
namespace {

using OneDnnLinear = at::Tensor(const at::Tensor&, const at::Tensor&,
                                const std::optional<at::Tensor>&, std::string_view,
                                c10::List<std::optional<at::Scalar>>,
                                std::optional<std::string_view>);

/// oneDNN's inner product, if this LibTorch has it.
std::optional<c10::TypedOperatorHandle<OneDnnLinear>> find_one_dnn_linear() {
  const auto handle = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!handle || !at::globalContext().userEnabledMkldnn()) return {};
  try {
    return handle->typed<OneDnnLinear>();
  } catch (const c10::Error&) {
    return {};  // another version of LibTorch, whose operator takes other arguments
  }
}

at::Tensor call(const c10::TypedOperatorHandle<OneDnnLinear>& one_dnn, const at::Tensor& x,
                const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  return one_dnn.call(x, weight, bias, /*attr=*/"none", c10::List<std::optional<at::Scalar>>(),
                      /*algorithm=*/"");
}

bool suits_one_dnn(const at::Tensor& x, const at::Tensor& weight) {
  constexpr std::int64_t kFewRows = 16;
  return x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
         x.dim() == 2 && x.size(0) >= kFewRows;
}

}  // namespace

at::Tensor product_transposed(const at::Tensor& x, const at::Tensor& weight,
                              const std::optional<at::Tensor>& bias) {
  static const auto one_dnn = find_one_dnn_linear();
  if (!one_dnn || !suits_one_dnn(x, weight)) return at::linear(x, weight, bias);
  return call(*one_dnn, x, weight, bias);
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight) {
  static const auto one_dnn = find_one_dnn_linear();
  if (!one_dnn || !suits_one_dnn(x, weight)) return at::mm(x, weight);
  return call(*one_dnn, x, weight.t(), {});
}

}  // namespace expandft
