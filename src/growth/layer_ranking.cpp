#include "growth/layer_ranking.h"

#include "base/error.h"
#include "kernels/squared_norm.h"
#include "model/token_tensors.h"
#include "report/table.h"

#include <algorithm>
#include <cmath>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

template <typename Visit>
void for_each_weight(MlpWeights& mlp, Visit visit) {
  for (Linear* linear : {&mlp.gate, &mlp.up, &mlp.down}) visit(linear->weight);
}

/// ‖gradient‖ / ‖weights‖, in double.
double relative_gradient(MlpWeights& mlp) {
  double gradient = 0, weight = 0;
  for_each_weight(mlp, [&](const at::Tensor& tensor) {
    gradient += squared_norm(tensor.grad()).item<double>();
    weight += squared_norm(tensor).item<double>();
  });
  return weight > 0 ? std::sqrt(gradient / weight) : 0;
}

}  // namespace

std::vector<LayerScore> rank_layers(Decoder& decoder, const std::vector<TokenBatch>& probe) {
  const std::vector<LayerWeights> originals = decoder.weights().layers;
  std::vector<MlpWeights> watched;
  for (std::size_t i = 0; i < originals.size(); ++i) {
    LayerWeights layer = originals[i];
    for_each_weight(layer.mlp, [](at::Tensor& tensor) {
      tensor = tensor.detach().requires_grad_(true);  // shares memory
    });
    watched.push_back(layer.mlp);
    decoder.replace_layer(static_cast<std::int64_t>(i), std::move(layer));
  }
  std::int64_t targets = 0;
  for (const TokenBatch& batch : probe) targets += batch.target_count();
  for (const TokenBatch& batch : probe) {
    // The gradient of the sum: divided by the targets, small gradients would become 0 in float16.
    decoder.loss(to_device(batch, decoder.device())).backward();
  }
  std::vector<LayerScore> ranking;
  for (std::size_t i = 0; i < originals.size(); ++i) {
    const double score = relative_gradient(watched[i]) / static_cast<double>(targets);
    if (!std::isfinite(score)) {
      throw decoder.non_finite_error("non-finite gradients", "layer " + std::to_string(i));
    }
    ranking.push_back({static_cast<std::int64_t>(i), score});
    decoder.replace_layer(static_cast<std::int64_t>(i), originals[i]);
  }
  std::ranges::stable_sort(ranking, std::ranges::greater{}, &LayerScore::score);
  return ranking;
}

std::vector<std::int64_t> first_layers(const std::vector<LayerScore>& ranking, std::int64_t count) {
  std::vector<std::int64_t> layers;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    layers.push_back(ranking.at(i).layer);
  }
  std::ranges::sort(layers);
  return layers;
}

std::string ranking_table(const std::vector<LayerScore>& ranking) {
  Table table(
      {"rank", "layer", "gradient / weights", "of the highest"},
      {Table::Align::kRight, Table::Align::kRight, Table::Align::kRight, Table::Align::kRight});
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    const double share = ranking.front().score > 0 ? ranking[i].score / ranking.front().score : 0;
    table.row({std::to_string(i + 1), std::to_string(ranking[i].layer),
               fmt::format("{:.3e}", ranking[i].score), fmt::format("{:.0f} %", 100 * share)});
  }
  return table.text();
}

Json ranking_json(const std::vector<LayerScore>& ranking) {
  Json json = Json::array();
  for (const LayerScore& one : ranking) {
    json.push_back({{"layer", one.layer}, {"score", one.score}});
  }
  return json;
}

std::vector<LayerScore> read_ranking(const Json& json, const std::string& where) try {
  std::vector<LayerScore> ranking;
  for (const Json& one : json) {
    ranking.push_back({one.at("layer").get<std::int64_t>(), one.at("score").get<double>()});
  }
  return ranking;
} catch (const Json::exception& error) {
  throw input_error(std::string("not a ranking of layers: ") + error.what(), where,
                    "delete the file: the ranking is then computed again");
}

}  // namespace expandft
