#include "growth/attach.h"

#include "base/error.h"
#include "families/model_config.h"
#include "growth/expansion.h"

#include <string>

namespace expandft {
namespace {

/// Checks the sizes that the adapter states, and its biases, against the base.
void check_sizes(const AdapterDirectory& adapter, const ModelDirectory& base) {
  const DecoderSpec spec = read_spec(base);
  const AdapterInfo& info = adapter.info();
  const std::string config = (adapter.path() / "adapter_config.json").string();
  const std::string hint =
      "the adapter is damaged or belongs to another base: it was trained on " + info.base_model;
  const auto check = [&](const char* name, std::int64_t found, std::int64_t expected) {
    if (found == expected) return;
    throw input_error("the adapter's " + std::string(name) + " is " + std::to_string(found) +
                          ", but that of the base " + base.path().string() + " is " +
                          std::to_string(expected),
                      config, hint);
  };
  check("num_hidden_layers", info.num_hidden_layers, spec.layers);
  check("hidden_size", info.hidden_size, spec.hidden);
  check("intermediate_size", info.intermediate_size, spec.intermediate);
  for (std::size_t i = 0; i < info.layers.size(); ++i) {
    const std::int64_t layer = info.layers[i];
    const std::string gate = info.widths.empty()
                                 ? copy_tensor_name(layer, "gate_proj", 1, "weight")
                                 : original_tensor_name(layer, "gate_proj", "weight");
    if (const auto whole = adapter.tensors().find(gate); whole != adapter.tensors().end()) {
      check("MLP width", whole->second.shape.front(), spec.width(layer));
    }
    if (!info.neurons.empty() && info.neurons[i].back() >= spec.width(layer)) {
      throw input_error("the adapter copies neuron " + std::to_string(info.neurons[i].back()) +
                            " of layer " + std::to_string(layer) + ", whose MLP has " +
                            std::to_string(spec.width(layer)) + " in the base " +
                            base.path().string(),
                        (adapter.path() / "adapter_model.safetensors").string(), hint);
    }
    for (std::int64_t copy = 1; copy < info.copies; ++copy) {
      for (const char* projection : {"gate_proj", "up_proj"}) {
        const std::string name = copy_tensor_name(layer, projection, copy, "bias");
        if (adapter.tensors().contains(name) == spec.mlp_bias) continue;
        throw input_error("the adapter has " + std::string(spec.mlp_bias ? "no" : "a") +
                              " tensor \"" + name + "\", but the MLPs of the base " +
                              base.path().string() + (spec.mlp_bias ? " have" : " have no") +
                              " biases",
                          (adapter.path() / "adapter_model.safetensors").string(), hint);
      }
    }
  }
}

}  // namespace

ExpansionPlan plan_of(const AdapterInfo& info) {
  return {info.layers, info.copies, info.method, info.widths, info.neurons};
}

AdapterDirectory open_adapter(const fs::path& adapter, const ModelDirectory& base) {
  AdapterDirectory opened = AdapterDirectory::open(adapter);
  const std::string found = base.fingerprint();
  if (opened.info().base_fingerprint != found) {
    throw input_error("the adapter was trained on another base: its fingerprint is " +
                          opened.info().base_fingerprint + ", but the model's is " + found,
                      adapter.string() + " on " + base.path().string(),
                      "use the base it was trained on: " + opened.info().base_model);
  }
  check_sizes(opened, base);
  return opened;
}

Expansion attach_adapter(Decoder& decoder, const ModelDirectory& base, const fs::path& adapter) {
  const AdapterDirectory opened = open_adapter(adapter, base);
  return expand(decoder, plan_of(opened.info()), adapter_tensors(opened), decoder.dtype());
}

}  // namespace expandft
