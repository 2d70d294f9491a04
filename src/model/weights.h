#pragma once

#include "checkpoint/model_directory.h"
#include "families/decoder_spec.h"
#include "model/linear.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A gated MLP of width p over hidden size h: gate and up (p, h), down (h, p).
struct MlpWeights {
  Linear gate, up, down;
};

struct AttentionWeights {
  // v is undefined where values are keys; both are where the layer uses those of another.
  Linear q, k, v, o;
};

struct LayerWeights {
  at::Tensor attention_norm, mlp_norm;              // (h): before the blocks
  at::Tensor after_attention_norm, after_mlp_norm;  // (h): after them, or undefined
  at::Tensor query_norm, key_norm;                  // (head_dim), or undefined
  at::Tensor output_scale;                          // (1), or undefined; never trained
  Linear input_gate, input_projection;              // (P, h), (h, P): of the layer's own input
  at::Tensor input_norm;                            // (h): after them
  AttentionWeights attention;
  MlpWeights mlp;
};

/// What makes the layers' own inputs, of P numbers for each of L layers; undefined if they have
/// none. Frozen by every method.
struct LayerInputWeights {
  at::Tensor embedding;         // (V, L·P), in the file's dtype, mapped: rows are read as needed
  at::Tensor projection, norm;  // (L·P, h), (P)
};

struct DecoderWeights {
  at::Tensor embedding;  // (V, h)
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // (h)
  at::Tensor head;        // (V, h); the embedding itself when tied
  LayerInputWeights layer_inputs;
};

/// Calls visit(name, tensor) for each defined tensor of a layer, with its name within the layer,
/// such as "mlp.gate_proj.weight". Fused projections are visited as their parts, under the parts'
/// names.
template <typename Weights, typename Visit>
void for_each_tensor(Weights& layer, const DecoderSpec& spec, Visit visit);
/// The same for linear maps that are defined: visit("mlp.gate_proj", linear).
template <typename Weights, typename Visit>
void for_each_linear(Weights& layer, Visit visit);
/// The same for norms: visit("input_layernorm", weight).
template <typename Weights, typename Visit>
void for_each_norm(Weights& layer, const DecoderSpec& spec, Visit visit);

/// A projection of the checkpoint: one linear map, or several if it is fused.
struct Projection {
  std::string name;  // "self_attn.q_proj" or, fused, "self_attn.qkv_proj"
  std::vector<Linear*> parts;

  std::int64_t out() const;
  std::int64_t in() const { return parts.front()->weight.size(1); }
};
/// All projections of a layer, which they point into.
std::vector<Projection> projections(LayerWeights& layer, const DecoderSpec& spec);

/// Loads weights part by part, in `dtype` on `device`; fused projections are split into views. A
/// missing tensor, a shape that differs from the config's, or a dtype other than F32, F16 and BF16
/// is an input error that names the tensor, what was found and what was expected. The directory and
/// the spec must outlive the loader.
class WeightLoader {
 public:
  /// A tensor to use instead of the directory's tensor of this name; undefined: use the
  /// directory's.
  using Replacement = std::function<at::Tensor(const std::string& name)>;

  WeightLoader(const ModelDirectory& directory, const DecoderSpec& spec, at::ScalarType dtype,
               at::Device device, const Replacement& replacement = {})
      : directory_(directory),
        spec_(spec),
        dtype_(dtype),
        device_(device),
        replacement_(replacement) {}

  at::Tensor embedding() { return tensor(spec_.names.embedding(), {spec_.vocab, spec_.hidden}); }
  LayerWeights layer(std::int64_t index);
  LayerInputWeights layer_inputs();
  at::Tensor final_norm() { return tensor(spec_.names.final_norm(), {spec_.hidden}); }
  /// Rows of the embedding by token id (N): (N, h).
  at::Tensor embedding_rows(const at::Tensor& ids);
  /// Rows [begin, begin + count) of the head (the embedding, when tied).
  at::Tensor head_rows(std::int64_t begin, std::int64_t count);
  /// The whole head, when it is not tied.
  at::Tensor head() { return tensor(spec_.names.head, {spec_.vocab, spec_.hidden}); }
  /// Input error when the files hold decoder tensors that were never requested: the model that they
  /// belong to computes something else.
  void check_all_used() const;

 private:
  const TensorView& checked(const std::string& name, const Shape& shape);
  at::Tensor replaced(const std::string& name) const;
  at::Tensor tensor(const std::string& name, const Shape& shape);
  Linear linear(const std::string& prefix, std::int64_t out, std::int64_t in, bool bias);
  AttentionWeights attention(std::int64_t index);
  MlpWeights mlp(std::int64_t index);

  const ModelDirectory& directory_;
  const DecoderSpec& spec_;
  at::ScalarType dtype_;
  at::Device device_;
  Replacement replacement_;
  std::set<std::string> asked_;
};

template <typename Weights, typename Visit>
void for_each_linear(Weights& layer, Visit visit) {
  visit("self_attn.q_proj", layer.attention.q);
  if (layer.attention.k.weight.defined()) visit("self_attn.k_proj", layer.attention.k);
  if (layer.attention.v.weight.defined()) visit("self_attn.v_proj", layer.attention.v);
  visit("self_attn.o_proj", layer.attention.o);
  visit("mlp.gate_proj", layer.mlp.gate);
  visit("mlp.up_proj", layer.mlp.up);
  visit("mlp.down_proj", layer.mlp.down);
  if (layer.input_gate.weight.defined()) {
    visit("per_layer_input_gate", layer.input_gate);
    visit("per_layer_projection", layer.input_projection);
  }
}

template <typename Weights, typename Visit>
void for_each_norm(Weights& layer, const DecoderSpec& spec, Visit visit) {
  visit("input_layernorm", layer.attention_norm);
  if (spec.norms_after_blocks) visit("post_attention_layernorm", layer.after_attention_norm);
  visit(spec.mlp_norm, layer.mlp_norm);
  if (spec.norms_after_blocks) visit("post_feedforward_layernorm", layer.after_mlp_norm);
  if (spec.query_key_norm) {
    visit("self_attn.q_norm", layer.query_norm);
    visit("self_attn.k_norm", layer.key_norm);
  }
  if (spec.layer_input > 0) visit("post_per_layer_input_norm", layer.input_norm);
}

template <typename Weights, typename Visit>
void for_each_tensor(Weights& layer, const DecoderSpec& spec, Visit visit) {
  for_each_norm(layer, spec, [&](const std::string& name, auto& norm) {
    if (norm.defined()) visit(name + ".weight", norm);  // a layer without keys has no norm of them
  });
  for_each_linear(layer, [&](const std::string& name, auto& linear) {
    visit(name + ".weight", linear.weight);
    if (linear.bias.defined()) visit(name + ".bias", linear.bias);
  });
}

/// Loads every weight that the spec needs; errors as WeightLoader. `take_layer`, if given, receives
/// each layer before the next is read and may replace its tensors.
DecoderWeights load_weights(const ModelDirectory& directory, const DecoderSpec& spec,
                            at::ScalarType dtype, at::Device device,
                            const std::function<void(LayerWeights&)>& take_layer = {});

}  // namespace expandft
