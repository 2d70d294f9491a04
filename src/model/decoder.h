#pragma once

#include "checkpoint/model_directory.h"
#include "families/spec.h"
#include "model/batch_cache.h"
#include "model/branched_batch.h"
#include "model/decoder_layer.h"
#include "model/gated_mlp.h"
#include "model/kv_cache.h"
#include "model/token_tensors.h"
#include "model/weights.h"
#include "runtime/rank_group.h"

#include <memory>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

class LayerShards;

/// A decoder-only language model: what the spec says, with the weights given, computed in the dtype
/// of its embedding. Its parts can be replaced (methods of training do). Autograd runs from the
/// lowest layer with a trainable tensor upwards; below it nothing is saved.
class Decoder {
 public:
  Decoder(DecoderSpec spec, DecoderWeights weights);
  /// Loads a model directory in `dtype` on `device`; errors as read_spec and load_weights. The
  /// ranks of `sharers` keep a share of each layer's weights: they must compute the same number of
  /// passes, and what stands in the place of a layer's weights must not read them before it is
  /// computed.
  static Decoder load(const ModelDirectory& directory, at::ScalarType dtype, at::Device device,
                      const RankGroup& sharers = RankGroup::alone());

  const DecoderSpec& spec() const { return spec_; }
  const DecoderWeights& weights() const { return weights_; }
  at::Device device() const { return weights_.embedding.device(); }
  /// What is computed in; weights that train may be wider.
  at::ScalarType dtype() const { return dtype_; }
  /// Whether several ranks have a share of the layers' weights each.
  bool is_sharded() const { return shards_ != nullptr; }

  const Mlp& mlp(std::int64_t layer) const { return *mlps_.at(static_cast<std::size_t>(layer)); }
  void replace_mlp(std::int64_t layer, std::unique_ptr<Mlp> mlp) {
    mlps_.at(static_cast<std::size_t>(layer)) = std::move(mlp);
  }
  /// The output embedding (V, h) in dtype().
  at::Tensor head() const { return weights_.head.to(dtype_); }
  /// Puts other weights, and an MLP of them, in the place of a layer's.
  void replace_layer(std::int64_t layer, LayerWeights weights);
  /// Adds a layer, with attention of `kind` (an index into the spec's kinds), before `layer`.
  void insert_layer(std::int64_t layer, LayerWeights weights, std::size_t kind);
  /// Replaces what stands below and above the layers.
  void replace_ends(at::Tensor embedding, at::Tensor final_norm, at::Tensor head);

  /// From `layer` upwards backward keeps only each layer's input, and computes the layer again. For
  /// methods that train `layer`, or some above it, and none below.
  void checkpoint_from(std::int64_t layer) { checkpointed_from_ = layer; }

  /// The last hidden states, after the final norm: (N, h).
  at::Tensor hidden(const TokenTensors& tokens) const;
  /// The same, with the states (N, h) that enter `layer` given: bit for bit the same where they are
  /// states_before's of these tokens.
  at::Tensor hidden(const TokenTensors& tokens, std::int64_t layer, const at::Tensor& states) const;
  /// The hidden states that enter `layer` (N, h). No gradients.
  at::Tensor states_before(std::int64_t layer, const TokenTensors& tokens) const;
  /// The same for the next tokens (n) of the sequence that `cache` holds. No gradients.
  at::Tensor hidden(const at::Tensor& ids, KvCache& cache) const;
  /// The same of whole sequences, with which an empty `cache` begins. No gradients.
  at::Tensor hidden(const TokenTensors& tokens, BatchCache& cache) const;
  /// The same of sequences that share their beginnings. No gradients.
  at::Tensor hidden(const BranchedTensors& tokens) const;
  /// The same for the next token (sequences) of each of the sequences that `cache` holds.
  at::Tensor hidden(const at::Tensor& ids, BatchCache& cache) const;
  /// (M, h) -> (M, V), in the model's dtype.
  at::Tensor logits(const at::Tensor& hidden) const;

  /// Sum of the negative log-likelihood (nats) of the batch's targets; differentiable.
  at::Tensor loss(const TokenTensors& tokens) const;
  /// The same, with the states (N, h) that enter `layer` given.
  at::Tensor loss(const TokenTensors& tokens, std::int64_t layer, const at::Tensor& states) const;
  /// Log-probability of each target (M), fp32, in the order of tokens.target_rows. No gradients.
  at::Tensor log_probs(const TokenTensors& tokens) const;

 private:
  at::Tensor forward(const at::Tensor& ids, const Attend& attend) const;
  /// What enters the first layer.
  at::Tensor embed(const at::Tensor& ids) const;
  /// Layers [begin, end).
  at::Tensor run_layers(std::int64_t begin, std::int64_t end, at::Tensor x,
                        const Attend& attend) const;
  at::Tensor final_norm(const at::Tensor& x) const;
  at::Tensor loss_of(const at::Tensor& hidden, const TokenTensors& tokens) const;

  DecoderSpec spec_;
  DecoderWeights weights_;
  at::ScalarType dtype_;
  std::vector<std::unique_ptr<Mlp>> mlps_;
  std::shared_ptr<LayerShards> shards_;            // none: the weights are there
  std::optional<std::int64_t> checkpointed_from_;  // none: activations are kept
};

}  // namespace expandft
