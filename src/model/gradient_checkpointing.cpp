#include "model/gradient_checkpointing.h"

#include <optional>

#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Carries a function in an autograd context.
struct LayerHolder : torch::CustomClassHolder {
  explicit LayerHolder(CheckpointedLayer held) : layer(std::move(held)) {}
  CheckpointedLayer layer;
};

using MaybeTensor = std::optional<at::Tensor>;

struct CheckpointFunction : torch::autograd::Function<CheckpointFunction> {
  /// `trains` requires gradients, which makes the result require them too: the inputs of the lowest
  /// trainable layer do not.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& a, const MaybeTensor& b,
                            const MaybeTensor& c, const MaybeTensor& d,
                            const at::Tensor& /*trains*/, const CheckpointedLayer& layer) {
    const LayerTensors inputs{a, b.value_or(at::Tensor()), c.value_or(at::Tensor()),
                              d.value_or(at::Tensor())};
    ctx->save_for_backward({inputs.begin(), inputs.end()});
    ctx->saved_data["layer"] = c10::IValue::make_capsule(c10::make_intrusive<LayerHolder>(layer));
    return layer(inputs);  // autograd is off in forward()
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::AutoGradMode with_gradients(true);
    const variable_list saved = ctx->get_saved_variables();
    LayerTensors inputs;
    std::size_t given = 0;  // needs_input_grad counts only the tensors given
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!saved[i].defined()) continue;
      inputs[i] = saved[i].detach().requires_grad_(ctx->needs_input_grad(given++));
    }
    const auto holder =
        c10::static_intrusive_pointer_cast<LayerHolder>(ctx->saved_data["layer"].toCapsule());
    torch::autograd::backward({holder->layer(inputs)}, {grads[0]});
    variable_list out;
    for (const at::Tensor& input : inputs) {
      out.push_back(input.defined() ? input.grad() : at::Tensor());
    }
    out.resize(inputs.size() + 2);
    return out;
  }
};

}  // namespace

at::Tensor checkpointed(const CheckpointedLayer& layer, const LayerTensors& inputs) {
  const auto maybe = [](const at::Tensor& tensor) {
    return tensor.defined() ? MaybeTensor(tensor) : std::nullopt;
  };
  const auto& [a, b, c, d] = inputs;
  const at::Tensor trains = at::zeros({}, a.options().dtype(at::kFloat)).requires_grad_(true);
  return CheckpointFunction::apply(a, maybe(b), maybe(c), maybe(d), trains, layer);
}

}  // namespace expandft
