#include "methods/trained_weights.h"

#include "base/error.h"

#include <algorithm>
#include <string>
#include <utility>

namespace expandft {
namespace {

double depth_of(std::int64_t layer, std::int64_t layers) {
  return Strength(0, 1).at(layer, layers);
}

/// Puts weights that train in the place of a layer's.
void train_layer(Decoder& decoder, std::int64_t layer, TrainedWeights& weights) {
  LayerWeights copy = decoder.weights().layers.at(static_cast<std::size_t>(layer));
  for_each_tensor(copy, decoder.spec(), [&](const std::string& part, at::Tensor& tensor) {
    tensor = weights.add(decoder.spec().names.layer(layer, part), tensor, tensor,
                         depth_of(layer, decoder.spec().layers));
  });
  decoder.replace_layer(layer, std::move(copy));
}

/// What the tensors of an added layer begin as, where that is not what they were copied from.
bool begins_at_zero(const std::string& part, const DecoderSpec& spec) {
  if (spec.norms_after_blocks) {
    return part == "post_attention_layernorm.weight" || part == "post_feedforward_layernorm.weight";
  }
  return part.starts_with("self_attn.o_proj.") || part.starts_with("mlp.down_proj.");
}

}  // namespace

at::Tensor TrainedWeights::add(std::string name, const at::Tensor& initial,
                               const at::Tensor& origin, double depth) {
  const at::Tensor live =
      initial.detach().to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  parameters_.push_back({std::move(name), live});
  depths_.push_back(depth);
  origins_.push_back(origin.defined() ? origin.detach() : origin);
  return live;
}

// The live tensors stay the ones that the decoder and the optimizer hold: their data is exchanged.
void TrainedWeights::set_strength(const Strength& strength) const {
  if (strength == strength_) return;
  const c10::NoGradGuard no_grad;
  if (strength_ == Strength(1)) {
    trained_.clear();
    for (const Parameter& one : parameters_) trained_.push_back(one.tensor.detach());
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor &origin = origins_[i], &trained = trained_[i];
    if (!origin.defined()) continue;
    const double s = strength.first + (strength.last - strength.first) * depths_[i];
    parameters_[i].tensor.set_data(s == 1   ? trained
                                   : s == 0 ? origin
                                            : at::lerp(origin.to(at::kFloat), trained, s));
  }
  if (strength == Strength(1)) trained_.clear();
  strength_ = strength;
}

std::unique_ptr<TrainedWeights> train_all_weights(Decoder& decoder) {
  auto weights = std::make_unique<TrainedWeights>();
  const DecoderWeights& base = decoder.weights();
  const TensorNames& names = decoder.spec().names;
  const at::Tensor embedding = weights->add(names.embedding(), base.embedding, base.embedding, 0);
  for (std::int64_t i = 0; i < decoder.spec().layers; ++i) train_layer(decoder, i, *weights);
  const at::Tensor norm = weights->add(names.final_norm(), base.final_norm, base.final_norm, 1);
  const at::Tensor head =
      decoder.spec().tied ? embedding : weights->add(names.head, base.head, base.head, 1);
  decoder.replace_ends(embedding, norm, head);
  return weights;
}

std::unique_ptr<TrainedWeights> train_last_layers(Decoder& decoder, std::int64_t count) {
  const std::int64_t layers = decoder.spec().layers;
  if (count > layers) {
    throw input_error("\"last:" + std::to_string(count) + "\" asks for more layers than the " +
                          std::to_string(layers) + " that the model has",
                      "method");
  }
  auto weights = std::make_unique<TrainedWeights>();
  for (std::int64_t i = layers - count; i < layers; ++i) train_layer(decoder, i, *weights);
  return weights;
}

std::unique_ptr<TrainedWeights> add_layers(Decoder& decoder,
                                           const std::vector<std::int64_t>& layers) {
  auto weights = std::make_unique<TrainedWeights>();
  std::int64_t added = 0;
  for (const std::int64_t layer : layers) {
    const DecoderSpec& spec = decoder.spec();
    const std::int64_t source = layer + added, place = source + 1;
    LayerWeights copy = decoder.weights().layers.at(static_cast<std::size_t>(source));
    for_each_tensor(copy, spec, [&](const std::string& part, at::Tensor& tensor) {
      const std::string name = spec.names.layer(place, part);
      const double depth =
          depth_of(place, spec.layers + std::ssize(layers) - added);  // in the lengthened model
      if (!begins_at_zero(part, spec)) {
        tensor = weights->add(name, tensor, {}, depth);
      } else {
        const bool is_norm = spec.norms_after_blocks;
        const at::Tensor zero =
            at::full_like(tensor, is_norm && spec.norm_adds_one ? -1 : 0, at::kFloat);
        tensor = weights->add(name, zero, zero, depth);
      }
    });
    decoder.insert_layer(place, std::move(copy),
                         spec.kind_of_layer.at(static_cast<std::size_t>(source)));
    ++added;
  }
  return weights;
}

std::vector<LayerOrigin> lengthened(std::int64_t base_layers,
                                    const std::vector<std::int64_t>& layers) {
  std::vector<LayerOrigin> out;
  for (std::int64_t i = 0; i < base_layers; ++i) {
    out.push_back({i, false});
    if (std::ranges::binary_search(layers, i)) out.push_back({i, true});
  }
  return out;
}

}  // namespace expandft
