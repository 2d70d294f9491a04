#include "growth/layer_ranking.h"

#include "base/error.h"
#include "kernels/squared_norm.h"
#include "model/token_tensors.h"
#include "report/table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

/// The sums of probe_mlps for each neuron, (p), in double.
at::Tensor neuron_scores(const MlpWeights& mlp, NeuronChoice rule) {
  const auto gradient = [](const Linear& linear) { return linear.weight.grad().to(at::kFloat); };
  if (rule == NeuronChoice::kSaliency) {
    return (mlp.down.weight.detach().to(at::kFloat) * gradient(mlp.down))
        .sum(0, /*keepdim=*/false, at::kDouble)
        .abs()
        .cpu();
  }
  const auto sums = [&](const Linear& linear, std::int64_t dim) {
    return gradient(linear).abs_().sum(dim, /*keepdim=*/false, at::kDouble);
  };
  return (sums(mlp.gate, 1) + sums(mlp.up, 1) + sums(mlp.down, 0)).cpu();
}

}  // namespace

std::vector<LayerScore> rank_layers(Decoder& decoder, const std::vector<TokenBatch>& probe) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(decoder.spec().layers));
  std::iota(all.begin(), all.end(), 0);
  return probe_mlps(decoder, probe, all, {}).ranking;
}

MlpProbe probe_mlps(Decoder& decoder, const std::vector<TokenBatch>& probe,
                    const std::vector<std::int64_t>& layers, std::optional<NeuronChoice> rule) {
  const std::vector<LayerWeights> originals = decoder.weights().layers;
  std::vector<MlpWeights> watched;
  for (const std::int64_t i : layers) {
    LayerWeights layer = originals.at(static_cast<std::size_t>(i));
    for_each_weight(layer.mlp, [](at::Tensor& tensor) {
      tensor = tensor.detach().requires_grad_(true);  // shares memory
    });
    watched.push_back(layer.mlp);
    decoder.replace_layer(i, std::move(layer));
  }
  std::int64_t targets = 0;
  for (const TokenBatch& batch : probe) targets += batch.target_count();
  for (const TokenBatch& batch : probe) {
    // The gradient of the sum: divided by the targets, small gradients would become 0 in float16.
    decoder.loss(to_device(batch, decoder.device())).backward();
  }
  MlpProbe found;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::int64_t layer = layers[i];
    const double score = relative_gradient(watched[i]) / static_cast<double>(targets);
    if (!std::isfinite(score)) {
      throw decoder.non_finite_error("non-finite gradients", "layer " + std::to_string(layer));
    }
    found.ranking.push_back({layer, score});
    if (rule) {
      found.neurons[layer] = neuron_scores(watched[i], *rule) / static_cast<double>(targets);
    }
    decoder.replace_layer(layer, originals[static_cast<std::size_t>(layer)]);
    watched[i] = {};  // its gradients: one layer's more are needed for the sums
  }
  std::ranges::stable_sort(found.ranking, std::ranges::greater{}, &LayerScore::score);
  return found;
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
