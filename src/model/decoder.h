#pragma once

#include "checkpoint/model_directory.h"
#include "model/batch_cache.h"
#include "model/decoder_layer.h"
#include "model/gated_mlp.h"
#include "model/kv_cache.h"
#include "model/spec.h"
#include "model/token_tensors.h"
#include "model/weights.h"

#include <memory>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A decoder-only language model: what the spec says, with the weights given. Its MLPs can be
/// replaced (expansion does). Autograd runs from the lowest layer with a trainable tensor upwards;
/// below it nothing is saved.
class Decoder {
 public:
  Decoder(DecoderSpec spec, DecoderWeights weights);
  /// Loads a model directory in `dtype` on `device`; errors as read_spec and load_weights.
  static Decoder load(const ModelDirectory& directory, at::ScalarType dtype, at::Device device);

  const DecoderSpec& spec() const { return spec_; }
  const DecoderWeights& weights() const { return weights_; }
  at::Device device() const { return weights_.embedding.device(); }

  const Mlp& mlp(std::int64_t layer) const { return *mlps_.at(static_cast<std::size_t>(layer)); }
  void replace_mlp(std::int64_t layer, std::unique_ptr<Mlp> mlp) {
    mlps_.at(static_cast<std::size_t>(layer)) = std::move(mlp);
  }

  /// The last hidden states, after the final norm: (N, h).
  at::Tensor hidden(const TokenTensors& tokens) const;
  /// The same for the next tokens (n) of the sequence that `cache` holds. No gradients.
  at::Tensor hidden(const at::Tensor& ids, KvCache& cache) const;
  /// The same for the next token (sequences) of each of the sequences that `cache` holds.
  at::Tensor hidden(const at::Tensor& ids, BatchCache& cache) const;
  /// (M, h) -> (M, V), in the model's dtype.
  at::Tensor logits(const at::Tensor& hidden) const;

  /// Sum of the negative log-likelihood (nats) of the batch's targets; differentiable.
  at::Tensor loss(const TokenTensors& tokens) const;
  /// Log-probability of each target (M), fp32, in the order of tokens.target_rows. No gradients.
  at::Tensor log_probs(const TokenTensors& tokens) const;

 private:
  at::Tensor forward(const at::Tensor& ids, const Attend& attend) const;

  DecoderSpec spec_;
  DecoderWeights weights_;
  std::vector<std::unique_ptr<Mlp>> mlps_;
};

}  // namespace expandft
