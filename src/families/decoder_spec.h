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

/// What a norm does with n = x·rsqrt(mean(x²) + eps) and its weight w, and where it rounds to the
/// dtype of x. The rules differ in 16 bits only, but for the second's 1.
enum class NormRule {
  kRoundThenScale,  // round(n)·w
  kScaleByOnePlus,  // round(n·(1 + w)): Gemma 1 to 3
  kScaleThenRound,  // round(n·w)
};

/// How the rotary frequencies are scaled for contexts beyond the one of the original training.
enum class RopeScaling { kNone, kLinear, kLlama3, kYarn, kLongRope, kProportional };

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
  // Proportional: only the first pairs turn, at the frequencies that they have among all.
  std::int64_t turned_pairs = 0;
  // LongRoPE: divisors of the frequencies, for sequences up to the original context and beyond it.
  std::vector<double> short_factor, long_factor;
  // Queries at position t are multiplied by 1 + query_growth·ln(1 + floor(t /
  // original_max_positions)), so that attention stays sharp in long contexts (Llama 4's rule).
  double query_growth = 0.0;

  bool operator==(const RopeSpec&) const = default;
};

/// The window of a layer's attention and its position embedding.
struct AttentionKind {
  RopeSpec rope;
  bool rotates = true;  // false: no position embedding (NoPE)
  std::int64_t head_dim = 0, kv_heads = 0;
  std::int64_t rotary_dim = 0;         // how many numbers of each head RoPE rotates
  bool values_are_keys = false;        // before their norms and RoPE; there is no v_proj
  std::optional<std::int64_t> window;  // tokens seen, including the token itself; none: all

  bool operator==(const AttentionKind&) const = default;
};

/// What a decoder computes, as data: the forward pass depends on this and never on the family's
/// name.
struct DecoderSpec {
  std::string family;  // config.json's model_type, for messages
  TensorNames names;
  std::int64_t vocab = 0, hidden = 0, layers = 0, intermediate = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0, head_dim = 0;  // where a kind of attention has none of its own
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  double query_scale = 1.0;             // multiplies q·k before the softmax
  double embedding_scale = 1.0;         // multiplies embeddings
  bool rounds_embedding_scale = false;  // to their dtype, before it multiplies
  double residual_scale = 1.0;          // multiplies what a block adds to the residual stream
  double logit_scale = 1.0;             // multiplies logits, before the soft cap
  std::optional<double> attention_softcap, logit_softcap;  // cap·tanh(x / cap)
  Activation activation = Activation::kSilu;

  std::vector<AttentionKind> attention_kinds;
  std::vector<std::size_t> kind_of_layer;  // (layers): index into attention_kinds

  /// Layers from it on have no keys and values of their own: see key_layer.
  std::optional<std::int64_t> shares_keys_from;
  /// The layers whose keys and values later ones use, ascending.
  std::vector<std::int64_t> key_sources;
  /// Each layer has an input of its own for each token, of this size; 0: none. The rows of its
  /// embedding are the inputs of all layers.
  std::int64_t layer_input = 0, layer_input_vocab = 0;

  /// MLPs of layers from it on are twice as wide as `intermediate`.
  std::optional<std::int64_t> wide_from;
  /// MLP width of each layer of a model that was expanded in a layout that lists them; else empty.
  std::vector<std::int64_t> layer_widths;

  NormRule norm = NormRule::kRoundThenScale;
  bool norms_after_blocks = false;  // of attention and MLP, before the residual is added
  bool query_key_norm = false;      // of each head of q and k, before RoPE
  bool value_norm = false;          // of each head of v, without a weight
  bool layer_scale = false;         // each layer's output is multiplied by its layer_scalar
  std::string mlp_norm = "post_attention_layernorm";  // the name of the norm before the MLP
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
    if (!layer_widths.empty()) return layer_widths.at(static_cast<std::size_t>(layer));
    return wide_from && layer >= *wide_from ? 2 * intermediate : intermediate;
  }
  const AttentionKind& attention(std::int64_t layer) const {
    return attention_kinds.at(kind_of_layer.at(static_cast<std::size_t>(layer)));
  }
  bool shares_keys(std::int64_t layer) const {
    return shares_keys_from && layer >= *shares_keys_from;
  }
  /// The layer whose keys and values a layer uses: itself, or the last of its kind that has any.
  std::int64_t key_layer(std::int64_t layer) const {
    if (!shares_keys(layer)) return layer;
    const std::size_t kind = kind_of_layer.at(static_cast<std::size_t>(layer));
    std::int64_t i = *shares_keys_from - 1;
    while (i >= 0 && kind_of_layer[static_cast<std::size_t>(i)] != kind) --i;
    return i;  // config.json is refused if there is none
  }
};

}  // namespace expandft
