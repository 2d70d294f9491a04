#pragma once

#include "base/error.h"
#include "checkpoint/model_directory.h"
#include "families/decoder_spec.h"
#include "model/branched_batch.h"
#include "model/decoder_layer.h"
#include "model/gated_mlp.h"
#include "model/kv_cache.h"
#include "model/token_tensors.h"
#include "model/weights.h"
#include "runtime/rank_group.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

class LayerShards;

/// A decoder-only language model that computes what its spec says with the weights given, in the
/// dtype of the embedding. Methods of training replace its parts. Autograd runs upwards from the
/// lowest layer with a trainable tensor; below it nothing is saved for backward.
class Decoder {
 public:
  Decoder(DecoderSpec spec, DecoderWeights weights);
  /// Loads a model directory in `dtype` on `device`; errors as read_spec and load_weights. Each
  /// rank of `sharers` keeps a share of every layer's frozen weights. All ranks must then run the
  /// same number of passes, and code that replaces part of a layer must not read the layer's
  /// weights before the layer runs.
  static Decoder load(const ModelDirectory& directory, at::ScalarType dtype, at::Device device,
                      const RankGroup& sharers = RankGroup::alone());

  const DecoderSpec& spec() const { return spec_; }
  const DecoderWeights& weights() const { return weights_; }
  at::Device device() const { return weights_.embedding.device(); }
  /// The dtype of activations; trainable weights may be wider.
  at::ScalarType dtype() const { return dtype_; }
  /// Whether each rank holds only a share of the layers' weights.
  bool is_sharded() const { return shards_ != nullptr; }

  const Mlp& mlp(std::int64_t layer) const { return *mlps_.at(static_cast<std::size_t>(layer)); }
  void replace_mlp(std::int64_t layer, std::unique_ptr<Mlp> mlp) {
    mlps_.at(static_cast<std::size_t>(layer)) = std::move(mlp);
  }
  /// The output embedding (V, h) in dtype().
  at::Tensor head() const { return weights_.head.to(dtype_); }
  /// Replaces a layer's weights, and its MLP by one with these weights.
  void replace_layer(std::int64_t layer, LayerWeights weights);
  /// Inserts a layer before `layer`, with attention of `kind` (an index into the spec's kinds).
  void insert_layer(std::int64_t layer, LayerWeights weights, std::size_t kind);
  /// Replaces the weights below and above the layers.
  void replace_ends(at::Tensor embedding, at::Tensor final_norm, at::Tensor head);

  /// From `layer` upwards, keeps only each layer's input for backward, which recomputes the layer.
  /// The lowest trainable layer must be `layer` or above it.
  void checkpoint_from(std::int64_t layer) { checkpointed_from_ = layer; }

  /// The last hidden states, after the final norm and the scale of logits: (N, h).
  at::Tensor hidden(const TokenTensors& tokens) const;
  /// The same, from the states (N, state_width) that enter `layer`: bit for bit the same if they
  /// are the states_before of these tokens.
  at::Tensor hidden(const TokenTensors& tokens, std::int64_t layer, const at::Tensor& states) const;
  /// What enters `layer` (N, state_width(layer)): the hidden states, then the keys and values of
  /// lower layers that `layer` and higher ones use. No gradients.
  at::Tensor states_before(std::int64_t layer, const TokenTensors& tokens) const;
  std::int64_t state_width(std::int64_t layer) const;
  /// hidden() of the next tokens (n) of the sequence in `cache`. No gradients.
  at::Tensor hidden(const at::Tensor& ids, KvCache& cache) const;
  /// hidden() of whole sequences, which fill an empty `cache`. No gradients.
  at::Tensor hidden(const TokenTensors& tokens, BatchCache& cache) const;
  /// hidden() of sequences that share their beginnings. No gradients.
  at::Tensor hidden(const BranchedTensors& tokens) const;
  /// hidden() of the next token (sequences) of each sequence in `cache`. No gradients.
  at::Tensor hidden(const at::Tensor& ids, BatchCache& cache) const;
  /// (M, h) -> (M, V), in dtype().
  at::Tensor logits(const at::Tensor& hidden) const;

  /// The sum of the negative log-likelihoods (nats) of the batch's targets; differentiable.
  at::Tensor loss(const TokenTensors& tokens) const;
  /// The same, from the states_before of `layer`.
  at::Tensor loss(const TokenTensors& tokens, std::int64_t layer, const at::Tensor& states) const;
  /// The log-probability of each target (M), fp32, in the order of tokens.target_rows. No
  /// gradients.
  at::Tensor log_probs(const TokenTensors& tokens) const;

  /// The failure to throw when this model computes `what` ("non-finite logits"), with a hint that
  /// depends on its dtype.
  Error non_finite_error(const std::string& what, const std::string& where) const;

 private:
  /// host_ids: own_inputs'.
  at::Tensor forward(const at::Tensor& ids, const at::Tensor& host_ids, const Attend& attend) const;
  /// The input of the first layer.
  at::Tensor embed(const at::Tensor& ids) const;
  /// Layers [begin, end).
  at::Tensor run_layers(std::int64_t begin, std::int64_t end, at::Tensor x, const Attend& attend,
                        LayerInputs& inputs) const;
  /// One layer of which only the inputs are kept for backward.
  at::Tensor checkpointed_layer(std::int64_t layer, const at::Tensor& x,
                                std::shared_ptr<const Attend> attend,
                                const LayerInputs& inputs) const;
  at::Tensor final_norm(const at::Tensor& x) const;
  at::Tensor loss_of(const at::Tensor& hidden, const TokenTensors& tokens) const;

  DecoderSpec spec_;
  DecoderWeights weights_;
  at::ScalarType dtype_;
  std::vector<std::unique_ptr<Mlp>> mlps_;
  std::shared_ptr<LayerShards> shards_;            // none: all weights are in memory
  std::optional<std::int64_t> checkpointed_from_;  // none: keep activations
};

}  // namespace expandft
