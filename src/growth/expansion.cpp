#include "growth/expansion.h"

#include "growth/mlp_tensors.h"
#include "model/tensors.h"

#include <utility>

#include <ATen/CPUGeneratorImpl.h>

namespace expandft {
namespace {

using Name = std::function<std::string(const char* projection, const char* part)>;

/// Appends the tensors of an MLP as parameters, in the order in which they train.
void add_tensors(const MlpWeights& weights, double rate_scale, const Name& name,
                 std::vector<Parameter>& out) {
  const auto add = [&](const char* projection, const Linear& linear) {
    for (const auto& [part, tensor] : {std::pair("weight", linear.weight), {"bias", linear.bias}}) {
      if (tensor.defined()) out.push_back({name(projection, part), tensor, rate_scale});
    }
  };
  add("gate_proj", weights.gate);
  add("up_proj", weights.up);
  add("down_proj", weights.down);
}

}  // namespace

void Expansion::set_strength(const Strength& strength) const {
  for (std::size_t i = 0; i < mlps_.size(); ++i) {
    mlps_[i]->set_strength(strength.at(plan_.layers[i], layers_));
  }
}

bool Expansion::learn_strength(const at::Tensor& layers) const {
  if (plan_.trains_originals()) return false;
  for (std::size_t i = 0; i < mlps_.size(); ++i) {
    mlps_[i]->learn_strength(layers.select(0, plan_.layers[i]));
  }
  return true;
}

std::vector<Parameter> Expansion::parameters() const {
  std::vector<Parameter> out;
  for (std::size_t i = 0; i < mlps_.size(); ++i) {
    const std::int64_t layer = plan_.layers[i];
    const ExpandedMlp::Parts& parts = mlps_[i]->parts();
    for (std::size_t j = 0; j < parts.copies.size(); ++j) {
      add_tensors(
          parts.copies[j], 1.0,
          [&](const char* projection, const char* part) {
            return copy_tensor_name(layer, projection, static_cast<std::int64_t>(j) + 1, part);
          },
          out);
    }
    if (!parts.originals) continue;
    add_tensors(
        *parts.originals, original_rate_scale_,
        [&](const char* projection, const char* part) {
          return original_tensor_name(layer, projection, part);
        },
        out);
  }
  return out;
}

at::Tensor neuron_indices(const ExpansionPlan& plan, std::int64_t layer) {
  return at::tensor(plan.neurons_of(layer), at::kLong);
}

std::unique_ptr<ExpandedMlp> expanded_mlp(
    std::int64_t layer, const MlpWeights& base, const ExpansionPlan& plan,
    const std::map<std::string, at::Tensor>& tensors, Activation activation,
    const std::function<at::Tensor(const at::Tensor&)>& ready) {
  const auto weights = [&](const Name& name) {
    const auto linear = [&](const char* projection) {
      const auto part = [&](const char* of) {
        const auto found = tensors.find(name(projection, of));
        return found == tensors.end() ? at::Tensor() : ready(found->second.detach());
      };
      return Linear{part("weight"), part("bias")};
    };
    return MlpWeights{linear("gate_proj"), linear("up_proj"), linear("down_proj")};
  };
  ExpandedMlp::Parts parts{.base = base};
  if (plan.is_narrow()) {
    parts.neurons = neuron_indices(plan, layer).to(base.down.weight.device());
  }
  for (std::int64_t j = 1; j < plan.copies; ++j) {
    parts.copies.push_back(weights([&](const char* projection, const char* part) {
      return copy_tensor_name(layer, projection, j, part);
    }));
  }
  if (plan.trains_originals()) {
    parts.originals = weights([&](const char* projection, const char* part) {
      return original_tensor_name(layer, projection, part);
    });
  }
  return std::make_unique<ExpandedMlp>(
      std::move(parts), activation,
      plan.shares_output() ? CopyShares::kOfOutput : CopyShares::kAdded);
}

Expansion expand(Decoder& decoder, const ExpansionPlan& plan, const NamedTensors& tensors,
                 at::ScalarType dtype, double original_rate_scale) {
  const std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
  const auto options = at::TensorOptions().dtype(dtype).device(decoder.device());
  std::vector<ExpandedMlp*> mlps;
  for (const std::int64_t layer : plan.layers) {
    auto mlp = expanded_mlp(layer, decoder.weights().layers.at(static_cast<std::size_t>(layer)).mlp,
                            plan, by_name, decoder.spec().activation, [&](const at::Tensor& found) {
                              return found.to(options, /*non_blocking=*/false, /*copy=*/true);
                            });
    mlps.push_back(mlp.get());
    decoder.replace_mlp(layer, std::move(mlp));
  }
  return {plan, decoder.spec().layers, std::move(mlps), original_rate_scale};
}

NamedTensors initial_tensors(const ModelDirectory& base, const DecoderSpec& spec,
                             const ExpansionPlan& plan) {
  NamedTensors out;
  for (const auto& [name, which] : mlp_tensors(spec)) {
    if (!plan.grows(which.layer) || !base.has(name)) continue;
    const at::Tensor whole = mapped_tensor(base.tensor(name));
    for (std::int64_t i = 0; i < which.sections(); ++i) {
      const std::string& projection = which.projections[static_cast<std::size_t>(i)];
      const at::Tensor original = which.section(whole, i);
      const at::Tensor copied =
          plan.is_narrow() ? original.index_select(which.dim(), neuron_indices(plan, which.layer))
                           : original;
      const bool from_zero = which.is_down() && !plan.shares_output();
      for (std::int64_t j = 1; j < plan.copies; ++j) {
        out.emplace_back(copy_tensor_name(which.layer, projection, j, which.part),
                         from_zero ? at::zeros_like(copied) : copied);
      }
      if (plan.trains_originals()) {
        out.emplace_back(original_tensor_name(which.layer, projection, which.part), original);
      }
    }
  }
  if (!plan.trains_originals() || !spec.mlp_bias) return out;
  for (const std::int64_t layer : plan.layers) {
    out.emplace_back(original_tensor_name(layer, "down_proj", "bias"),
                     mapped_tensor(base.tensor(spec.names.layer(layer, "mlp.down_proj.bias"))));
  }
  return out;
}

void break_symmetry(NamedTensors& tensors, const ExpansionPlan& plan, double noise,
                    std::uint64_t seed) {
  if (plan.copies <= 2 || noise == 0) return;
  std::map<std::string, at::Tensor*> by_name;
  for (auto& [name, tensor] : tensors) by_name[name] = &tensor;
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  for (const std::int64_t layer : plan.layers) {
    std::vector<at::Tensor*> downs;
    for (std::int64_t j = 1; j < plan.copies; ++j) {
      downs.push_back(by_name.at(copy_tensor_name(layer, "down_proj", j, "weight")));
    }
    std::vector<at::Tensor> draws;
    at::Tensor mean;
    for (const at::Tensor* down : downs) {
      draws.push_back(at::randn(down->sizes(), generator, at::TensorOptions().dtype(at::kFloat)));
      mean = mean.defined() ? mean + draws.back() : draws.back();
    }
    mean = mean / static_cast<double>(draws.size());
    for (std::size_t j = 0; j < downs.size(); ++j) {
      const at::Tensor down = downs[j]->to(at::kCPU, at::kFloat);
      const at::Tensor rms = down.square().mean().sqrt();
      *downs[j] = down + (draws[j] - mean) * rms * noise;
    }
  }
}

NamedTensors adapter_tensors(const AdapterDirectory& adapter) {
  NamedTensors out;
  for (const auto& [name, view] : adapter.tensors()) {
    if (adapter.is_weight(name)) out.emplace_back(name, mapped_tensor(view));
  }
  return out;
}

}  // namespace expandft
