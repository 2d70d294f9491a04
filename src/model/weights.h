#pragma once

#include "checkpoint/model_directory.h"
#include "model/linear.h"
#include "model/spec.h"

#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A gated MLP of width p over hidden size h: gate and up (p, h), down (h, p).
struct MlpWeights {
  Linear gate, up, down;
};

struct AttentionWeights {
  Linear q, k, v, o;
};

struct LayerWeights {
  at::Tensor attention_norm, mlp_norm;              // (h): before the blocks
  at::Tensor after_attention_norm, after_mlp_norm;  // (h): after them, or undefined
  at::Tensor query_norm, key_norm;                  // (head_dim), or undefined
  AttentionWeights attention;
  MlpWeights mlp;
};

struct DecoderWeights {
  at::Tensor embedding;  // (V, h)
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // (h)
  at::Tensor head;        // (V, h); the embedding itself when tied
};

/// Loads every weight the spec needs; fused projections are taken apart, as views. A missing
/// tensor, a shape other than the config's, or a dtype other than F32, F16 and BF16 is an input
/// error that names the tensor, what was found and what was expected. So is a tensor of the decoder
/// that the spec has no use for: it would change what is computed.
DecoderWeights load_weights(const ModelDirectory& directory, const DecoderSpec& spec,
                            at::ScalarType dtype, at::Device device);

}  // namespace expandft
