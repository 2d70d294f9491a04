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

class Loader {
 public:
  Loader(const ModelDirectory& directory, at::ScalarType dtype, at::Device device)
      : directory_(directory), dtype_(dtype), device_(device) {}

  at::Tensor tensor(const std::string& name, const Shape& shape) const {
    const TensorView& view = directory_.tensor(name);
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

  Linear linear(const std::string& prefix, std::int64_t out, std::int64_t in, bool bias) const {
    return {tensor(prefix + ".weight", {out, in}),
            bias ? tensor(prefix + ".bias", {out}) : at::Tensor()};
  }

 private:
  const ModelDirectory& directory_;
  at::ScalarType dtype_;
  at::Device device_;
};

LayerWeights load_layer(const Loader& loader, const DecoderSpec& spec, std::int64_t index) {
  const auto name = [&](const char* part) { return TensorNames::layer(index, part); };
  const auto attention = [&](const char* part, std::int64_t out, std::int64_t in) {
    return loader.linear(name(part), out, in, spec.attention_bias);
  };
  const auto mlp = [&](const char* part, std::int64_t out, std::int64_t in) {
    return loader.linear(name(part), out, in, spec.mlp_bias);
  };
  const std::int64_t h = spec.hidden, p = spec.intermediate;
  const std::int64_t queries = spec.heads * spec.head_dim, keys = spec.kv_heads * spec.head_dim;
  return {
      .attention_norm = loader.tensor(name("input_layernorm.weight"), {h}),
      .mlp_norm = loader.tensor(name("post_attention_layernorm.weight"), {h}),
      .attention = {.q = attention("self_attn.q_proj", queries, h),
                    .k = attention("self_attn.k_proj", keys, h),
                    .v = attention("self_attn.v_proj", keys, h),
                    .o = attention("self_attn.o_proj", h, queries)},
      .mlp = {.gate = mlp("mlp.gate_proj", p, h),
              .up = mlp("mlp.up_proj", p, h),
              .down = mlp("mlp.down_proj", h, p)},
  };
}

}  // namespace

DecoderWeights load_weights(const ModelDirectory& directory, const DecoderSpec& spec,
                            at::ScalarType dtype, at::Device device) {
  const Loader loader(directory, dtype, device);
  DecoderWeights weights;
  weights.embedding = loader.tensor(TensorNames::embedding(), {spec.vocab, spec.hidden});
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    weights.layers.push_back(load_layer(loader, spec, i));
  }
  weights.final_norm = loader.tensor(TensorNames::final_norm(), {spec.hidden});
  weights.head =
      spec.tied ? weights.embedding : loader.tensor(TensorNames::head(), {spec.vocab, spec.hidden});
  return weights;
}

}  // namespace expandft
