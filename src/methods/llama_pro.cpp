#include "methods/llama_pro.h"

#include "base/error.h"

#include <algorithm>
#include <string>
#include <utility>

namespace expandft {
namespace {

/// Whether a tensor of an added layer begins at zero, so that the layer begins as the identity.
bool begins_at_zero(const std::string& part, const DecoderSpec& spec) {
  if (spec.norms_after_blocks) {
    return part == "post_attention_layernorm.weight" || part == "post_feedforward_layernorm.weight";
  }
  return part.starts_with("self_attn.o_proj.") || part.starts_with("mlp.down_proj.");
}

}  // namespace

std::unique_ptr<TrainedWeights> add_layers(Decoder& decoder,
                                           const std::vector<std::int64_t>& layers) {
  if (decoder.spec().shares_keys_from || decoder.spec().layer_input > 0) {
    throw input_error(
        "the method \"llama-pro\" cannot add layers to a model whose layers share keys and "
        "values, or have inputs of their own",
        "method", "use \"new\", which widens layers");
  }
  auto weights = std::make_unique<TrainedWeights>();
  std::int64_t added = 0;
  for (const std::int64_t layer : layers) {
    const DecoderSpec& spec = decoder.spec();
    const std::int64_t source = layer + added, place = source + 1;
    LayerWeights copy = decoder.weights().layers.at(static_cast<std::size_t>(source));
    if (copy.output_scale.defined()) copy.output_scale = at::ones_like(copy.output_scale);
    for_each_tensor(copy, spec, [&](const std::string& part, at::Tensor& tensor) {
      const std::string name = spec.names.layer(place, part);
      const std::int64_t all_layers = spec.layers + std::ssize(layers) - added;  // in the end
      const double depth = Strength(0, 1).at(place, all_layers);
      if (!begins_at_zero(part, spec)) {
        tensor = weights->add(name, tensor, {}, depth);
      } else {
        const bool is_norm = spec.norms_after_blocks;
        const at::Tensor zero = at::full_like(
            tensor, is_norm && spec.norm == NormRule::kScaleByOnePlus ? -1 : 0, at::kFloat);
        tensor = weights->add(name, zero, zero, depth);
      }
    });
    decoder.insert_layer(place, std::move(copy),
                         spec.kind_of_layer.at(static_cast<std::size_t>(source)));
    ++added;
  }
  return weights;
}

std::vector<LayerOrigin> layer_origins(std::int64_t base_layers,
                                       const std::vector<std::int64_t>& layers) {
  std::vector<LayerOrigin> out;
  for (std::int64_t i = 0; i < base_layers; ++i) {
    out.push_back({i, false});
    if (std::ranges::binary_search(layers, i)) out.push_back({i, true});
  }
  return out;
}

}  // namespace expandft
