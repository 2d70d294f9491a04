#include "expansion/expansion.h"

#include "expansion/mlp_tensors.h"
#include "model/tensors.h"

#include <algorithm>
#include <utility>

namespace expandft {

void Expansion::set_strength(double strength) const {
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

std::unique_ptr<ExpandedMlp> expanded_mlp(
    std::int64_t layer, const MlpWeights& base, const ExpansionPlan& plan,
    const std::map<std::string, at::Tensor>& copies, Activation activation,
    const std::function<at::Tensor(const at::Tensor&)>& ready) {
  const auto linear = [&](const char* projection, std::int64_t j) {
    const auto part = [&](const char* name) {
      const auto found = copies.find(copy_tensor_name(layer, projection, j, name));
      return found == copies.end() ? at::Tensor() : ready(found->second.detach());
    };
    return Linear{part("weight"), part("bias")};
  };
  std::vector<MlpWeights> weights;
  for (std::int64_t j = 1; j < plan.copies; ++j) {
    weights.push_back({linear("gate_proj", j), linear("up_proj", j), linear("down_proj", j)});
  }
  return std::make_unique<ExpandedMlp>(base, std::move(weights), activation);
}

Expansion expand(Decoder& decoder, const ExpansionPlan& plan, const CopyTensors& copies,
                 at::ScalarType copy_dtype) {
  const std::map<std::string, at::Tensor> by_name(copies.begin(), copies.end());
  const auto options = at::TensorOptions().dtype(copy_dtype).device(decoder.device());
  std::vector<ExpandedMlp*> mlps;
  for (const std::int64_t layer : plan.layers) {
    auto mlp = expanded_mlp(layer, decoder.weights().layers.at(static_cast<std::size_t>(layer)).mlp,
                            plan, by_name, decoder.spec().activation, [&](const at::Tensor& copy) {
                              return copy.to(options, /*non_blocking=*/false, /*copy=*/true);
                            });
    mlps.push_back(mlp.get());
    decoder.replace_mlp(layer, std::move(mlp));
  }
  return {plan, std::move(mlps)};
}

CopyTensors original_copies(const ModelDirectory& base, const DecoderSpec& spec,
                            const ExpansionPlan& plan) {
  CopyTensors copies;
  for (const auto& [name, which] : mlp_tensors(spec)) {
    if (!std::ranges::binary_search(plan.layers, which.layer) || !base.has(name)) continue;
    const at::Tensor original = mapped_tensor(base.tensor(name));
    for (std::int64_t i = 0; i < which.sections(); ++i) {
      const std::string& projection = which.projections[static_cast<std::size_t>(i)];
      for (std::int64_t j = 1; j < plan.copies; ++j) {
        copies.emplace_back(copy_tensor_name(which.layer, projection, j, which.part),
                            which.section(original, i));
      }
    }
  }
  return copies;
}

CopyTensors adapter_copies(const AdapterDirectory& adapter) {
  CopyTensors copies;
  for (const auto& [name, view] : adapter.tensors()) {
    copies.emplace_back(name, mapped_tensor(view));
  }
  return copies;
}

}  // namespace expandft
