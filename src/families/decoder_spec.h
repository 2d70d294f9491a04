#pragma once

#include "base/notice.h"
#include "families/tensor_names.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

enum class Activation { kSilu, kGelu, kGeluTanh };

/// How the rotary frequencies are scaled for contexts beyond the one of the original training.
enum class RopeScaling { kNone, kLinear, kLlama3, kYarn, kLongRope };

/// Rotary position embedding of one kind of layer.
struct RopeSpec {
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;
  std::int64_t original_max_positions = 8192;
  double attention_factor = 1.0;  // YaRN and LongRoPE: multiplies cos and sin
  // Llama 3's smoothing between scaled and unscaled frequencies:
  double low_freq_factor = 1.0, high_freq_factor = 4.0;
  // YaRN: the numbers of rotations over the original context at which scaling ends and begins, and
  // whether the dimensions computed from them are rounded outwards.
  double beta_fast = 32.0, beta_slow = 1.0;
  bool truncate = true;
  // LongRoPE: divisors of the frequencies, for sequences up to the original context and beyond it.
  std::vector<double> short_factor, long_factor;

  bool operator==(const RopeSpec&) const = default;
};

/// The window of a layer's attention and its position embedding.
struct AttentionKind {
  RopeSpec rope;
  std::optional<std::int64_t> window;  // tokens seen, including the token itself; none: all

  bool operator==(const AttentionKind&) const = default;
};

/// What a decoder computes, as data: the forward pass depends on this and never on the family's
/// name.
struct DecoderSpec {
  std::string family;  // config.json's model_type, for messages
  TensorNames names;
  std::int64_t vocab = 0, hidden = 0, layers = 0, intermediate = 0;
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t rotary_dim = 0;  // how many numbers of each head RoPE rotates
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  double query_scale = 1.0;      // multiplies q·k before the softmax
  double embedding_scale = 1.0;  // multiplies embeddings, rounded to their dtype
  std::optional<double> attention_softcap, logit_softcap;  // cap·tanh(x / cap)
  Activation activation = Activation::kSilu;

  std::vector<AttentionKind> attention_kinds;
  std::vector<std::size_t> kind_of_layer;  // (layers): index into attention_kinds

  std::vector<std::int64_t>
      layer_widths;  // MLP width of each layer; empty if all are `intermediate`

  bool norm_adds_one = false;       // norms multiply by (1 + w) in fp32 and then cast
  bool norms_after_blocks = false;  // of attention and MLP, before the residual is added
  bool query_key_norm = false;      // of each head of q and k, before RoPE
  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  bool fused_projections = false;  // qkv_proj = [q; k; v], gate_up_proj = [gate; up]
  bool tied = false;               // the head is the embedding
  std::optional<std::int64_t> bos, eos;

  Notices notices;           // what was not understood in the model's files
  Notices training_notices;  // what only concerns training

  bool operator==(const DecoderSpec&) const = default;

  /// Adds a notice once: RoPE parameters are read again for every kind of layer.
  void add_notice(Notice notice) {
    if (std::ranges::count(notices, notice) == 0) notices.push_back(std::move(notice));
  }
  /// Width of a layer's MLP.
  std::int64_t width(std::int64_t layer) const {
    return layer_widths.empty() ? intermediate : layer_widths.at(static_cast<std::size_t>(layer));
  }
  const AttentionKind& attention(std::int64_t layer) const {
    return attention_kinds.at(kind_of_layer.at(static_cast<std::size_t>(layer)));
  }
};

}  // namespace expandft
