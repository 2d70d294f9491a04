#pragma once

#include "base/json.h"
#include "data/batch.h"
#include "model/decoder.h"

#include <cstdint>
#include <string>
#include <vector>

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

/// The layers with the `count` highest scores, ascending.
std::vector<std::int64_t> first_layers(const std::vector<LayerScore>& ranking, std::int64_t count);

/// A table for the terminal: rank, layer, score, and the score relative to the highest.
std::string ranking_table(const std::vector<LayerScore>& ranking);
/// [{"layer", "score"}, …], highest first, and back; input error for any other JSON.
Json ranking_json(const std::vector<LayerScore>& ranking);
std::vector<LayerScore> read_ranking(const Json& json, const std::string& where);

}  // namespace expandft
