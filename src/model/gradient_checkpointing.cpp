#include "model/gradient_checkpointing.h"

#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

using Layer = std::function<at::Tensor(const at::Tensor&)>;

/// Carries a function in an autograd context.
struct LayerHolder : torch::CustomClassHolder {
  explicit LayerHolder(Layer held) : layer(std::move(held)) {}
  Layer layer;
};

struct CheckpointFunction : torch::autograd::Function<CheckpointFunction> {
  /// `trains` requires gradients, which makes the result require them too: the input x of the
  /// lowest trainable layer does not.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& /*trains*/,
                            const Layer& layer) {
    ctx->save_for_backward({x});
    ctx->saved_data["layer"] = c10::IValue::make_capsule(c10::make_intrusive<LayerHolder>(layer));
    return layer(x);  // autograd is off in forward()
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::AutoGradMode with_gradients(true);
    const at::Tensor x =
        ctx->get_saved_variables()[0].detach().requires_grad_(ctx->needs_input_grad(0));
    const auto holder =
        c10::static_intrusive_pointer_cast<LayerHolder>(ctx->saved_data["layer"].toCapsule());
    torch::autograd::backward({holder->layer(x)}, {grads[0]});
    return {x.grad(), {}, {}};
  }
};

}  // namespace

at::Tensor checkpointed(const Layer& layer, const at::Tensor& x) {
  return CheckpointFunction::apply(
      x, at::zeros({}, x.options().dtype(at::kFloat)).requires_grad_(true), layer);
}

}  // namespace expandft
