#pragma once

#include "base/json.h"
#include "data/batch.h"
#include "model/decoder.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// How much a layer's MLP wants to change.
struct LayerScore {
  std::int64_t layer = 0;
  double score = 0;  // ‖gradient‖ / ‖weights‖ of gate, up and down together
};

/// Ranks all layers on a probe of the training data, the highest score first: the gradient is that
/// of the probe's mean loss. Our own rule: the paper's is not public. Holds the gradients of all
/// MLPs at once; the decoder is afterwards as it was.
std::vector<LayerScore> rank_layers(Decoder& decoder, const std::vector<TokenBatch>& probe);

/// The layers of the first `count` scores, ascending.
std::vector<std::int64_t> first_layers(const std::vector<LayerScore>& ranking, std::int64_t count);

/// A table for a terminal: rank, layer, score and its share of the highest.
std::string ranking_table(const std::vector<LayerScore>& ranking);
/// [{"layer", "score"}], the highest first, and back; a list of another shape is an input error.
Json ranking_json(const std::vector<LayerScore>& ranking);
std::vector<LayerScore> read_ranking(const Json& json, const std::string& where);

}  // namespace expandft
