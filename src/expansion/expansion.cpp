#include "expansion/expansion.h"

#include "model/tensors.h"

namespace expandft {
namespace {

/// Expands each layer of the plan; make_copy(layer, j, base) gives its copies.
template <typename MakeCopy>
Expansion expand_with(Decoder& decoder, const ExpansionPlan& plan, MakeCopy make_copy) {
  std::vector<ExpandedMlp*> mlps;
  for (const std::int64_t layer : plan.layers) {
    const MlpWeights& base = decoder.weights().layers.at(static_cast<std::size_t>(layer)).mlp;
    std::vector<MlpWeights> copies;
    for (std::int64_t j = 1; j < plan.copies; ++j) copies.push_back(make_copy(layer, j, base));
    auto mlp = std::make_unique<ExpandedMlp>(base, std::move(copies), decoder.spec().activation);
    mlps.push_back(mlp.get());
    decoder.replace_mlp(layer, std::move(mlp));
  }
  return {plan, std::move(mlps)};
}

at::Tensor duplicate(const at::Tensor& tensor, at::ScalarType dtype) {
  return tensor.defined() ? tensor.to(dtype, /*non_blocking=*/false, /*copy=*/true) : at::Tensor();
}

Linear duplicate(const Linear& linear, at::ScalarType dtype) {
  return {duplicate(linear.weight, dtype), duplicate(linear.bias, dtype)};
}

}  // namespace

void Expansion::set_strength(double strength) {
  for (ExpandedMlp* mlp : mlps_) mlp->set_strength(strength);
}

CopyTensors Expansion::copies() const {
  CopyTensors out;
  for (std::size_t i = 0; i < mlps_.size(); ++i) {
    for (std::size_t j = 0; j < mlps_[i]->copies().size(); ++j) {
      const auto add = [&](const char* projection, const char* part, const at::Tensor& tensor) {
        if (!tensor.defined()) return;
        out.emplace_back(
            copy_tensor_name(plan_.layers[i], projection, static_cast<std::int64_t>(j) + 1, part),
            tensor);
      };
      const MlpWeights& copy = mlps_[i]->copies()[j];
      add("gate_proj", "weight", copy.gate.weight);
      add("gate_proj", "bias", copy.gate.bias);
      add("up_proj", "weight", copy.up.weight);
      add("up_proj", "bias", copy.up.bias);
      add("down_proj", "weight", copy.down.weight);
    }
  }
  return out;
}

Expansion expand(Decoder& decoder, const ExpansionPlan& plan, at::ScalarType copy_dtype) {
  return expand_with(decoder, plan, [&](std::int64_t, std::int64_t, const MlpWeights& base) {
    return MlpWeights{duplicate(base.gate, copy_dtype),
                      duplicate(base.up, copy_dtype),
                      {duplicate(base.down.weight, copy_dtype), {}}};
  });
}

Expansion attach(Decoder& decoder, const ExpansionPlan& plan, const CopyTensors& copies) {
  const std::map<std::string, at::Tensor> by_name(copies.begin(), copies.end());
  const auto options = decoder.weights().embedding.options();
  const auto linear = [&](std::int64_t layer, const char* projection, std::int64_t j) {
    const auto part = [&](const char* name) {
      const auto found = by_name.find(copy_tensor_name(layer, projection, j, name));
      return found == by_name.end()
                 ? at::Tensor()
                 : found->second.detach().to(options, /*non_blocking=*/false, /*copy=*/true);
    };
    return Linear{part("weight"), part("bias")};
  };
  return expand_with(decoder, plan, [&](std::int64_t layer, std::int64_t j, const MlpWeights&) {
    return MlpWeights{linear(layer, "gate_proj", j), linear(layer, "up_proj", j),
                      linear(layer, "down_proj", j)};
  });
}

CopyTensors adapter_copies(const AdapterDirectory& adapter) {
  CopyTensors copies;
  for (const auto& [name, view] : adapter.tensors()) {
    copies.emplace_back(name, mapped_tensor(view));
  }
  return copies;
}

}  // namespace expandft
