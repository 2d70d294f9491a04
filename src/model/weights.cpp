#include "model/weights.h"

#include "base/error.h"
#include "model/tensors.h"

#include <set>
#include <string>

namespace expandft {
namespace {

std::string text(const Shape& shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  }
  return out + ")";
}

/// Rows [begin, begin + count) of a fused projection, as a view.
Linear rows(const Linear& fused, std::int64_t begin, std::int64_t count) {
  return {fused.weight.narrow(0, begin, count),
          fused.bias.defined() ? fused.bias.narrow(0, begin, count) : at::Tensor()};
}

class Loader {
 public:
  Loader(const ModelDirectory& directory, const TensorNames& names, at::ScalarType dtype,
         at::Device device)
      : directory_(directory), names_(names), dtype_(dtype), device_(device) {}

  at::Tensor tensor(const std::string& name, const Shape& shape) {
    const TensorView& view = directory_.tensor(name);
    loaded_.insert(name);
    if (view.shape != shape) {
      throw input_error("tensor \"" + name + "\" has shape " + text(view.shape) +
                            "; config.json asks for " + text(shape),
                        directory_.path().string(),
                        "config.json and the weights do not belong together");
    }
    if (view.dtype != Dtype::kF32 && view.dtype != Dtype::kF16 && view.dtype != Dtype::kBF16) {
      throw input_error(
          "tensor \"" + name + "\" has dtype " + std::string(safetensors_name(view.dtype)) +
              "; expected F32, F16 or BF16",
          directory_.path().string(), "quantised checkpoints are not supported: use the original");
    }
    return load_tensor(view, dtype_, device_);
  }

  Linear linear(const std::string& prefix, std::int64_t out, std::int64_t in, bool bias) {
    return {tensor(prefix + ".weight", {out, in}),
            bias ? tensor(prefix + ".bias", {out}) : at::Tensor()};
  }

  /// Input error when the decoder has tensors that nothing asked for.
  void check_all_used(const DecoderSpec& spec) const {
    for (const auto& [name, view] : directory_.tensors()) {
      const bool of_decoder =
          name.starts_with(names_.body + "layers.") || name.starts_with(names_.body + "norm.") ||
          name.starts_with(names_.body + "embed_tokens.") || name == names_.head;
      // Derived from the config, and stored by older programs; a tied head is the embedding.
      const bool idle =
          name.ends_with(".rotary_emb.inv_freq") || (spec.tied && name == names_.head);
      if (!of_decoder || idle || loaded_.contains(name)) continue;
      throw input_error("tensor \"" + name + "\" is of no use to a model of the family \"" +
                            spec.family +
                            "\" with this config.json: without it the model would "
                            "compute something else",
                        directory_.path().string(),
                        "config.json and the weights do not belong together, or the model is a "
                        "variant that is not supported");
    }
  }

 private:
  const ModelDirectory& directory_;
  const TensorNames& names_;
  at::ScalarType dtype_;
  at::Device device_;
  std::set<std::string> loaded_;
};

AttentionWeights load_attention(Loader& loader, const DecoderSpec& spec,
                                const std::string& prefix) {
  const std::int64_t h = spec.hidden;
  const std::int64_t queries = spec.heads * spec.head_dim, keys = spec.kv_heads * spec.head_dim;
  AttentionWeights out;
  out.o = loader.linear(prefix + "o_proj", h, queries, spec.output_bias);
  if (spec.fused_projections) {
    const Linear qkv = loader.linear(prefix + "qkv_proj", queries + 2 * keys, h, spec.qkv_bias);
    out.q = rows(qkv, 0, queries);
    out.k = rows(qkv, queries, keys);
    out.v = rows(qkv, queries + keys, keys);
  } else {
    out.q = loader.linear(prefix + "q_proj", queries, h, spec.qkv_bias);
    out.k = loader.linear(prefix + "k_proj", keys, h, spec.qkv_bias);
    out.v = loader.linear(prefix + "v_proj", keys, h, spec.qkv_bias);
  }
  return out;
}

MlpWeights load_mlp(Loader& loader, const DecoderSpec& spec, std::int64_t index) {
  const std::string prefix = spec.names.layer(index, "mlp.");
  const std::int64_t h = spec.hidden, p = spec.width(index);
  MlpWeights out;
  out.down = loader.linear(prefix + "down_proj", h, p, spec.mlp_bias);
  if (spec.fused_projections) {
    const Linear fused = loader.linear(prefix + "gate_up_proj", 2 * p, h, spec.mlp_bias);
    out.gate = rows(fused, 0, p);
    out.up = rows(fused, p, p);
  } else {
    out.gate = loader.linear(prefix + "gate_proj", p, h, spec.mlp_bias);
    out.up = loader.linear(prefix + "up_proj", p, h, spec.mlp_bias);
  }
  return out;
}

LayerWeights load_layer(Loader& loader, const DecoderSpec& spec, std::int64_t index) {
  const auto name = [&](const char* part) { return spec.names.layer(index, part); };
  const auto norm = [&](const char* part) { return loader.tensor(name(part), {spec.hidden}); };
  LayerWeights out;
  out.attention_norm = norm("input_layernorm.weight");
  if (spec.norms_after_blocks) {
    out.after_attention_norm = norm("post_attention_layernorm.weight");
    out.mlp_norm = norm("pre_feedforward_layernorm.weight");
    out.after_mlp_norm = norm("post_feedforward_layernorm.weight");
  } else {
    out.mlp_norm = norm("post_attention_layernorm.weight");
  }
  if (spec.query_key_norm) {
    out.query_norm = loader.tensor(name("self_attn.q_norm.weight"), {spec.head_dim});
    out.key_norm = loader.tensor(name("self_attn.k_norm.weight"), {spec.head_dim});
  }
  out.attention = load_attention(loader, spec, name("self_attn."));
  out.mlp = load_mlp(loader, spec, index);
  return out;
}

}  // namespace

DecoderWeights load_weights(const ModelDirectory& directory, const DecoderSpec& spec,
                            at::ScalarType dtype, at::Device device) {
  const TensorNames& names = spec.names;
  Loader loader(directory, names, dtype, device);
  DecoderWeights weights;
  weights.embedding = loader.tensor(names.embedding(), {spec.vocab, spec.hidden});
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    weights.layers.push_back(load_layer(loader, spec, i));
  }
  weights.final_norm = loader.tensor(names.final_norm(), {spec.hidden});
  weights.head =
      spec.tied ? weights.embedding : loader.tensor(names.head, {spec.vocab, spec.hidden});
  loader.check_all_used(spec);
  return weights;
}

}  // namespace expandft
