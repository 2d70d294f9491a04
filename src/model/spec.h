#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

enum class Activation { kSilu, kGeluTanh };

/// How the rotary frequencies are stretched past the context the model was first trained on.
enum class RopeScaling { kNone, kLinear, kLlama3 };

/// Rotary position embedding of one kind of layer.
struct RopeSpec {
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;
  // Llama 3's smoothing between scaled and unscaled frequencies:
  double low_freq_factor = 1.0, high_freq_factor = 4.0;
  std::int64_t original_max_positions = 8192;
};

/// What a decoder computes, as data: the forward pass asks this, never the family's name.
struct DecoderSpec {
  std::string family;  // config.json's model_type, for messages
  std::int64_t vocab = 0, hidden = 0, layers = 0, intermediate = 0;
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  double query_scale = 1.0;  // multiplies q·k before the softmax
  Activation activation = Activation::kSilu;
  RopeSpec rope;
  bool attention_bias = false;  // on q, k, v and o
  bool mlp_bias = false;        // on gate, up and down
  bool tied = false;            // the head is the embedding
  std::optional<std::int64_t> bos, eos;
};

/// Names of the tensors in the checkpoint.
struct TensorNames {
  static std::string embedding() { return "model.embed_tokens.weight"; }
  static std::string final_norm() { return "model.norm.weight"; }
  static std::string head() { return "lm_head.weight"; }
  /// "model.layers.3." + part, as in layer(3, "mlp.gate_proj.weight").
  static std::string layer(std::int64_t index, const std::string& part) {
    return "model.layers." + std::to_string(index) + "." + part;
  }
};

}  // namespace expandft
