#pragma once

#include <cstdint>
#include <string>

namespace expandft {

class ModelDirectory;
struct DecoderSpec;

/// The names of a checkpoint's tensors. Multimodal checkpoints prefix those of the decoder.
struct TensorNames {
  std::string body = "model.";
  std::string head = "lm_head.weight";

  std::string embedding() const { return body + "embed_tokens.weight"; }
  std::string final_norm() const { return body + "norm.weight"; }
  /// Of the layers' own inputs: their embedding, the projection of the stream, and its norm.
  std::string layer_embedding() const { return body + "embed_tokens_per_layer.weight"; }
  std::string layer_projection() const { return body + "per_layer_model_projection.weight"; }
  std::string layer_projection_norm() const { return body + "per_layer_projection_norm.weight"; }
  /// layer(3, "mlp.gate_proj.weight") is "model.layers.3.mlp.gate_proj.weight".
  std::string layer(std::int64_t index, const std::string& part) const {
    return body + "layers." + std::to_string(index) + "." + part;
  }
  /// Whether a tensor of this name belongs to the decoder.
  bool holds(const std::string& name) const {
    const std::string stem = head.substr(0, head.rfind('.') + 1);
    return name.starts_with(body + "layers.") || name.starts_with(body + "norm.") ||
           name.starts_with(body + "embed_tokens") || name.starts_with(body + "per_layer_") ||
           name.starts_with(stem);
  }
  bool operator==(const TensorNames&) const = default;
};

/// The names that the tensors of a model directory have.
TensorNames find_tensor_names(const ModelDirectory& directory);

/// Sets spec.tied by what the files hold, as transformers does: a head that differs from the
/// embedding is used even if the config ties them (a notice). Input error when the head is neither
/// tied nor in the files, where transformers would initialise it at random. spec.names must be set.
void check_head(const ModelDirectory& directory, DecoderSpec& spec);

/// Adds a notice of the tensors that belong neither to the decoder nor to the image encoder:
/// loading ignores them.
void name_unused_tensors(const ModelDirectory& directory, DecoderSpec& spec);

}  // namespace expandft
