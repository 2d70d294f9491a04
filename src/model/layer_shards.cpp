#include "model/layer_shards.h"

#include "model/tensors.h"

#include <algorithm>
#include <utility>

#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::int64_t byte_count(const at::Tensor& tensor) {
  return tensor.numel() * static_cast<std::int64_t>(tensor.itemsize());
}

/// Exchanges the memory of a tensor and its views without autograd noticing. The tensors that it
/// saved for backward are such views, and hold the same numbers whenever it reads them. Returns the
/// previous memory.
at::DataPtr exchange_memory(const at::Tensor& tensor, at::DataPtr memory, std::int64_t bytes) {
  c10::StorageImpl& storage = *tensor.storage().unsafeGetStorageImpl();
  at::DataPtr before = storage.set_data_ptr(std::move(memory));
  storage.set_nbytes(static_cast<std::size_t>(bytes));
  return before;
}

/// Carries shards in an autograd context.
struct ShardsHolder : torch::CustomClassHolder {
  explicit ShardsHolder(std::shared_ptr<LayerShards> held) : shards(std::move(held)) {}
  std::shared_ptr<LayerShards> shards;
};

struct HoldFunction : torch::autograd::Function<HoldFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const std::shared_ptr<LayerShards>& shards, std::int64_t layer,
                            bool is_lowest) {
    ctx->saved_data["shards"] =
        c10::IValue::make_capsule(c10::make_intrusive<ShardsHolder>(shards));
    ctx->saved_data["layer"] = layer;
    ctx->saved_data["is_lowest"] = is_lowest;
    return x;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto holder =
        c10::static_intrusive_pointer_cast<ShardsHolder>(ctx->saved_data["shards"].toCapsule());
    const std::int64_t layer = ctx->saved_data["layer"].toInt();
    const bool is_lowest = ctx->saved_data["is_lowest"].toBool();
    holder->shards->hold(layer, is_lowest ? 0 : layer - 1);
    return {grads[0], {}, {}, {}};
  }
};

}  // namespace

void LayerShards::add(LayerWeights& layer, const DecoderSpec& spec) {
  std::int64_t numbers = 0;
  at::TensorOptions options;
  for_each_tensor(layer, spec, [&](const std::string&, const at::Tensor& tensor) {
    numbers += rounded_up(tensor.numel(), kFlatAlignment);
    options = tensor.options();
  });
  const std::int64_t count = group_.count(),
                     share = rounded_up(numbers, kFlatAlignment * count) / count;
  Layer& added = layers_.emplace_back();
  added.whole = at::empty({share * count}, options);  // takes no physical memory until written
  if (byte_count(added.whole) > layer_bytes_) {
    layer_bytes_ = byte_count(added.whole);
    spare_.clear();
  }
  exchange_memory(added.whole, spare_memory(*added.whole.storage().allocator()),
                  byte_count(added.whole));
  std::int64_t begin = 0;
  for_each_tensor(layer, spec, [&](const std::string&, at::Tensor& tensor) {
    const at::Tensor view = added.whole.narrow(0, begin, tensor.numel()).view(tensor.sizes());
    view.copy_(tensor);
    tensor = view;
    begin += rounded_up(tensor.numel(), kFlatAlignment);
  });
  added.own = added.whole.narrow(0, group_.rank() * share, share).clone();
  added.is_there = true;
  drop(added);
}

at::DataPtr LayerShards::spare_memory(at::Allocator& allocator) {
  if (spare_.empty()) return allocator.allocate(static_cast<std::size_t>(layer_bytes_));
  at::DataPtr memory = std::move(spare_.back());
  spare_.pop_back();
  return memory;
}

void LayerShards::hold(std::int64_t layer, std::optional<std::int64_t> next) {
  for (std::int64_t i = 0; i < std::ssize(layers_); ++i) {
    if (i != layer && i != next) drop(layers_[static_cast<std::size_t>(i)]);
  }
  Layer& held = layers_.at(static_cast<std::size_t>(layer));
  gather(held);
  if (held.wait) std::exchange(held.wait, {})();
  if (next) gather(layers_.at(static_cast<std::size_t>(*next)));
}

void LayerShards::gather(Layer& layer) {
  if (layer.is_there) return;
  exchange_memory(layer.whole, spare_memory(*layer.whole.storage().allocator()),
                  byte_count(layer.whole));
  layer.is_there = true;
  layer.wait = group_.start_gather(layer.own, layer.whole.variable_data());
}

void LayerShards::drop(Layer& layer) {
  if (!layer.is_there) return;
  if (layer.wait) std::exchange(layer.wait, {})();
  spare_.push_back(exchange_memory(layer.whole, {nullptr, layer.whole.device()}, 0));
  layer.is_there = false;
}

std::int64_t LayerShards::share_bytes() const {
  std::int64_t bytes = 0;
  for (const Layer& layer : layers_) bytes += static_cast<std::int64_t>(layer.own.nbytes());
  return bytes;
}

at::Tensor held_in_backward(std::shared_ptr<LayerShards> shards, std::int64_t layer, bool is_lowest,
                            const at::Tensor& x) {
  if (!x.requires_grad()) return x;
  return HoldFunction::apply(x, shards, layer, is_lowest);
}

}  // namespace expandft
