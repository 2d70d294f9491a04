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
  at::Tensor attention_norm, mlp_norm;  // (h)
  AttentionWeights attention;
  MlpWeights mlp;
};

struct DecoderWeights {
  at::Tensor embedding;  // (V, h)
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // (h)
  at::Tensor head;        // (V, h); the embedding itself when tied
};

/// Loads every weight the spec needs. A missing tensor, a shape other than the config's, or a dtype
/// other than F32, F16 and BF16 is an input error that names the tensor, what was found and what
/// was expected.
DecoderWeights load_weights(const ModelDirectory& directory, const DecoderSpec& spec,
                            at::ScalarType dtype, at::Device device);

}  // namespace expandft
