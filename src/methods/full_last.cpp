#include "methods/full_last.h"

#include "base/error.h"

#include <string>
#include <utility>

namespace expandft {
namespace {

/// Replaces all weights of a layer by trained ones.
void train_layer(Decoder& decoder, std::int64_t layer, TrainedWeights& weights) {
  LayerWeights copy = decoder.weights().layers.at(static_cast<std::size_t>(layer));
  for_each_tensor(copy, decoder.spec(), [&](const std::string& part, at::Tensor& tensor) {
    tensor = weights.add(decoder.spec().names.layer(layer, part), tensor, tensor,
                         Strength(0, 1).at(layer, decoder.spec().layers));
  });
  decoder.replace_layer(layer, std::move(copy));
}

}  // namespace

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
    throw input_error("\"last:" + std::to_string(count) + "\" needs more layers than the " +
                          std::to_string(layers) + " that the model has",
                      "method");
  }
  auto weights = std::make_unique<TrainedWeights>();
  for (std::int64_t i = layers - count; i < layers; ++i) train_layer(decoder, i, *weights);
  return weights;
}

}  // namespace expandft
