#pragma once

#include "base/json.h"
#include "config/expansion_width.h"
#include "data/batch.h"
#include "model/decoder.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// How strongly the training data changes a layer's MLP.
struct LayerScore {
  std::int64_t layer = 0;
  double score = 0;  // ‖gradient‖ / ‖weights‖ over gate, up and down
};

/// Ranks all layers by the gradient of the mean loss on a sample of the training data, highest
/// score first. This is expandft's own rule: the paper's is not public. Needs memory for the
/// gradients of all MLPs; restores the decoder. Failure for non-finite gradients.
std::vector<LayerScore> rank_layers(Decoder& decoder, const std::vector<TokenBatch>& probe);

/// What one pass over a probe of the training data says about MLPs.
struct MlpProbe {
  std::vector<LayerScore> ranking;             // of the layers asked for, highest score first
  std::map<std::int64_t, at::Tensor> neurons;  // (p), double, of each; where a rule is given
};
/// rank_layers for some layers, and what each of their neurons is worth by a rule, per target of
/// the probe. With i's row of gate and up and its column of down as its weights:
/// - kGradient: Σ |∂loss/∂w| over the weights: how much Adam's first step, which moves every weight
///   by the learning rate against its gradient's sign, lowers the loss to first order.
/// - kSaliency: |Σ_t a·∂loss/∂a| with its activation a for each token t: how much the loss would
///   change to first order without the neuron (Molchanov et al., arXiv 1611.06440, summed over
///   tokens). It equals |⟨w, ∂loss/∂w⟩| over the column of down.
/// `rule` is not kRandom. Errors as rank_layers.
MlpProbe probe_mlps(Decoder& decoder, const std::vector<TokenBatch>& probe,
                    const std::vector<std::int64_t>& layers, std::optional<NeuronChoice> rule);

/// The layers with the `count` highest scores, ascending.
std::vector<std::int64_t> first_layers(const std::vector<LayerScore>& ranking, std::int64_t count);

/// A table for the terminal: rank, layer, score, and the score relative to the highest.
std::string ranking_table(const std::vector<LayerScore>& ranking);
/// [{"layer", "score"}, …], highest first, and back; input error for any other JSON.
Json ranking_json(const std::vector<LayerScore>& ranking);
std::vector<LayerScore> read_ranking(const Json& json, const std::string& where);

}  // namespace expandft
