#include "growth/layer_ranking.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "golden.h"
#include "training/golden_steps.h"

namespace expandft {
namespace {

TEST_CASE("layers are ranked by gradient over weights, and the decoder is restored") {
  const Golden golden("gqa", "training.safetensors");
  Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  const std::vector<TokenBatch> probe = golden_step(golden, 0).micro_batches;
  const std::vector<LayerScore> ranking = rank_layers(decoder, probe);
  REQUIRE(ranking.size() == 3);

  // The reference: a second decoder whose MLP weights are all leaves.
  Decoder other = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  std::vector<std::vector<at::Tensor>> leaves;
  for (std::int64_t i = 0; i < 3; ++i) {
    LayerWeights layer = other.weights().layers[static_cast<std::size_t>(i)];
    leaves.emplace_back();
    for (Linear* linear : {&layer.mlp.gate, &layer.mlp.up, &layer.mlp.down}) {
      linear->weight = linear->weight.clone().requires_grad_(true);
      leaves.back().push_back(linear->weight);
    }
    other.replace_layer(i, layer);
  }
  std::int64_t targets = 0;
  at::Tensor loss = at::zeros({});
  for (const TokenBatch& batch : probe) {
    loss = loss + other.loss(to_device(batch, at::kCPU));
    targets += batch.target_count();
  }
  (loss / static_cast<double>(targets)).backward();
  double last = std::numeric_limits<double>::infinity();
  for (const LayerScore& one : ranking) {
    double gradient = 0, weight = 0;
    for (const at::Tensor& leaf : leaves[static_cast<std::size_t>(one.layer)]) {
      gradient += leaf.grad().square().sum().item<double>();
      weight += leaf.detach().square().sum().item<double>();
    }
    CHECK(one.score == Approx(std::sqrt(gradient / weight)).epsilon(1e-4));
    CHECK(one.score <= last);
    last = one.score;
  }
  const at::Tensor after = decoder.loss(to_device(probe.front(), at::kCPU));
  CHECK_FALSE(after.requires_grad());
  CHECK(first_layers(ranking, 3) == std::vector<std::int64_t>{0, 1, 2});
  CHECK(first_layers(ranking, 1) == std::vector<std::int64_t>{ranking.front().layer});
}

TEST_CASE("a ranking survives being written and read, and other JSON is refused") {
  const std::vector<LayerScore> ranking = {{2, 0.5}, {0, 0.25}};
  const std::vector<LayerScore> read = read_ranking(ranking_json(ranking), "here");
  REQUIRE(read.size() == 2);
  CHECK(read[0].layer == 2);
  CHECK(read[1].score == 0.25);
  for (const char* text : {R"([1])", R"([{"layer": 1}])", R"([{"layer": "a", "score": 1}])"}) {
    CHECK(testing::error_of([&] { read_ranking(Json::parse(text), "here"); }).where() == "here");
  }
}

}  // namespace
}  // namespace expandft
