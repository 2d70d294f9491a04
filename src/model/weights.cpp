#include "model/weights.h"

#include "base/error.h"
#include "model/tensors.h"

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

}  // namespace

std::int64_t Projection::out() const {
  std::int64_t rows = 0;
  for (const Linear* part : parts) rows += part->weight.size(0);
  return rows;
}

std::vector<Projection> projections(LayerWeights& layer, const DecoderSpec& spec) {
  std::vector<Projection> out;
  if (spec.fused_projections) {
    AttentionWeights& attention = layer.attention;
    out.push_back({"self_attn.qkv_proj", {&attention.q, &attention.k, &attention.v}});
    out.push_back({"self_attn.o_proj", {&attention.o}});
    out.push_back({"mlp.gate_up_proj", {&layer.mlp.gate, &layer.mlp.up}});
    out.push_back({"mlp.down_proj", {&layer.mlp.down}});
    return out;
  }
  for_each_linear(layer, [&](const std::string& name, Linear& linear) {
    out.push_back({name, {&linear}});
  });
  return out;
}

const TensorView& WeightLoader::checked(const std::string& name, const Shape& shape) {
  const TensorView& view = directory_.tensor(name);
  asked_.insert(name);
  if (view.shape != shape) {
    throw input_error("tensor \"" + name + "\" has shape " + text(view.shape) +
                          "; config.json requires " + text(shape),
                      directory_.path().string(),
                      "config.json and the weights do not belong together");
  }
  if (view.dtype != Dtype::kF32 && view.dtype != Dtype::kF16 && view.dtype != Dtype::kBF16) {
    throw input_error("tensor \"" + name + "\" has dtype " +
                          std::string(safetensors_name(view.dtype)) + "; expected F32, F16 or BF16",
                      directory_.path().string(),
                      "quantised checkpoints are not supported: use the original");
  }
  return view;
}

at::Tensor WeightLoader::replaced(const std::string& name) const {
  return replacement_ ? replacement_(name) : at::Tensor();
}

at::Tensor WeightLoader::tensor(const std::string& name, const Shape& shape) {
  const TensorView& view = checked(name, shape);
  const at::Tensor other = replaced(name);
  return other.defined() ? other.to(device_, dtype_) : load_tensor(view, dtype_, device_);
}

at::Tensor WeightLoader::embedding_rows(const at::Tensor& ids) {
  const TensorView& view = checked(spec_.names.embedding(), {spec_.vocab, spec_.hidden});
  const at::Tensor other = replaced(spec_.names.embedding());
  const at::Tensor all = other.defined() ? other : mapped_tensor(view);
  return all.index_select(0, ids.to(all.device())).to(device_, dtype_);
}

at::Tensor WeightLoader::head_rows(std::int64_t begin, std::int64_t count) {
  const std::string& name = spec_.tied ? spec_.names.embedding() : spec_.names.head;
  const TensorView& view = checked(name, {spec_.vocab, spec_.hidden});
  const at::Tensor other = replaced(name);
  return other.defined() ? other.narrow(0, begin, count).to(device_, dtype_)
                         : load_tensor(rows_of(view, begin, count), dtype_, device_);
}

Linear WeightLoader::linear(const std::string& prefix, std::int64_t out, std::int64_t in,
                            bool bias) {
  return {tensor(prefix + ".weight", {out, in}),
          bias ? tensor(prefix + ".bias", {out}) : at::Tensor()};
}

void WeightLoader::check_all_used() const {
  const TensorNames& names = spec_.names;
  for (const auto& [name, view] : directory_.tensors()) {
    // Older programs stored what is derived from the config; a tied head is the embedding.
    const bool idle = name.ends_with(".rotary_emb.inv_freq") || (spec_.tied && name == names.head);
    if (!names.holds(name) || idle || asked_.contains(name)) continue;
    throw input_error("tensor \"" + name + "\" is not used by a model of the family \"" +
                          spec_.family +
                          "\" with this config.json: without it the model would "
                          "compute something else",
                      directory_.path().string(),
                      "config.json and the weights do not belong together, or the model is a "
                      "variant that is not supported");
  }
}

AttentionWeights WeightLoader::attention(std::int64_t index) {
  const std::string prefix = spec_.names.layer(index, "self_attn.");
  const AttentionKind& kind = spec_.attention(index);
  const std::int64_t h = spec_.hidden;
  const std::int64_t queries = spec_.heads * kind.head_dim, keys = kind.kv_heads * kind.head_dim;
  AttentionWeights out;
  out.o = linear(prefix + "o_proj", h, queries, spec_.output_bias);
  if (spec_.shares_keys(index)) {
    out.q = linear(prefix + "q_proj", queries, h, spec_.qkv_bias);
    // Some checkpoints store what no layer uses.
    for (const char* idle :
         {"k_proj.weight", "k_proj.bias", "v_proj.weight", "v_proj.bias", "k_norm.weight"}) {
      asked_.insert(prefix + idle);
    }
    return out;
  }
  if (spec_.fused_projections) {
    const Linear qkv = linear(prefix + "qkv_proj", queries + 2 * keys, h, spec_.qkv_bias);
    out.q = rows(qkv, 0, queries);
    out.k = rows(qkv, queries, keys);
    out.v = rows(qkv, queries + keys, keys);
  } else {
    out.q = linear(prefix + "q_proj", queries, h, spec_.qkv_bias);
    out.k = linear(prefix + "k_proj", keys, h, spec_.qkv_bias);
    if (!kind.values_are_keys) out.v = linear(prefix + "v_proj", keys, h, spec_.qkv_bias);
  }
  return out;
}

MlpWeights WeightLoader::mlp(std::int64_t index) {
  const std::string prefix = spec_.names.layer(index, "mlp.");
  const std::int64_t h = spec_.hidden, p = spec_.width(index);
  MlpWeights out;
  out.down = linear(prefix + "down_proj", h, p, spec_.mlp_bias);
  if (spec_.fused_projections) {
    const Linear fused = linear(prefix + "gate_up_proj", 2 * p, h, spec_.mlp_bias);
    out.gate = rows(fused, 0, p);
    out.up = rows(fused, p, p);
  } else {
    out.gate = linear(prefix + "gate_proj", p, h, spec_.mlp_bias);
    out.up = linear(prefix + "up_proj", p, h, spec_.mlp_bias);
  }
  return out;
}

LayerWeights WeightLoader::layer(std::int64_t index) {
  LayerWeights out;
  for_each_norm(out, spec_, [&](const std::string& name, at::Tensor& norm) {
    if (name == "self_attn.k_norm" && spec_.shares_keys(index)) return;
    const bool of_heads = name.starts_with("self_attn.");
    norm = tensor(spec_.names.layer(index, name + ".weight"),
                  {of_heads ? spec_.attention(index).head_dim : spec_.hidden});
  });
  if (spec_.layer_scale) out.output_scale = tensor(spec_.names.layer(index, "layer_scalar"), {1});
  out.attention = attention(index);
  out.mlp = mlp(index);
  if (const std::int64_t own = spec_.layer_input; own > 0) {
    const std::string prefix = spec_.names.layer(index, "per_layer_");
    out.input_gate = linear(prefix + "input_gate", own, spec_.hidden, false);
    out.input_projection = linear(prefix + "projection", spec_.hidden, own, false);
  }
  return out;
}

LayerInputWeights WeightLoader::layer_inputs() {
  if (spec_.layer_input == 0) return {};
  const std::int64_t numbers = spec_.layers * spec_.layer_input;
  const TensorNames& names = spec_.names;
  const TensorView& view = checked(names.layer_embedding(), {spec_.layer_input_vocab, numbers});
  return {mapped_tensor(view), tensor(names.layer_projection(), {numbers, spec_.hidden}),
          tensor(names.layer_projection_norm(), {spec_.layer_input})};
}

DecoderWeights load_weights(const ModelDirectory& directory, const DecoderSpec& spec,
                            at::ScalarType dtype, at::Device device,
                            const std::function<void(LayerWeights&)>& take_layer) {
  WeightLoader loader(directory, spec, dtype, device);
  DecoderWeights weights;
  weights.embedding = loader.embedding();
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    weights.layers.push_back(loader.layer(i));
    if (!take_layer) continue;
    take_layer(weights.layers.back());
    directory.release();
  }
  weights.layer_inputs = loader.layer_inputs();
  weights.final_norm = loader.final_norm();
  weights.head = spec.tied ? weights.embedding : loader.head();
  loader.check_all_used();
  return weights;
}

}  // namespace expandft
