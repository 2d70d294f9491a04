#include "model/layer_shards.h"

#include "catch.h"
#include "families/model_config.h"
#include "golden.h"
#include "growth/expansion.h"
#include "runtime/rank_threads.h"

#include <map>

namespace expandft {
namespace {

using testing::as_ranks;

/// Results of a forward and backward pass: loss, hidden states without gradients, gradients.
struct Pass {
  bool is_sharded = false;
  at::Tensor loss, hidden;
  std::vector<at::Tensor> gradients;
};

Pass pass_of(const Golden& golden, const std::vector<std::int64_t>& layers, bool checkpointing,
             const RankGroup& group) {
  Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU, group);
  const ExpansionPlan plan{layers, 2};
  const Expansion expansion =
      expand(decoder, plan, initial_tensors(golden.directory(), decoder.spec(), plan), at::kFloat);
  if (checkpointing) decoder.checkpoint_from(layers.front());
  for (const Parameter& one : expansion.parameters()) one.tensor.requires_grad_(true);
  const TokenTensors tokens = to_device(golden.batch(), at::kCPU);
  Pass pass{.is_sharded = decoder.is_sharded()};
  for (int i = 0; i < 2; ++i) {  // the second starts from the state that the first left
    {
      const c10::NoGradGuard no_grad;
      pass.hidden = decoder.hidden(tokens);
    }
    pass.loss = decoder.loss(tokens);
    pass.loss.backward();
  }
  for (const Parameter& one : expansion.parameters()) pass.gradients.push_back(one.tensor.grad());
  return pass;
}

TEST_CASE("a sharded decoder computes the same bits, forward and backward") {
  const std::string model = GENERATE("gqa", "gemma3", "phi3", "bias");
  const Golden golden(model);
  const std::int64_t layers = read_spec(golden.directory()).layers;
  const bool all = GENERATE(true, false), checkpointing = GENERATE(true, false);
  const int count = checkpointing ? 3 : 2;
  CAPTURE(model, all, checkpointing, count);
  std::vector<std::int64_t> expanded = {layers - 1};
  if (all) {
    expanded.clear();
    for (std::int64_t i = 0; i < layers; ++i) expanded.push_back(i);
  }
  const Pass expected = pass_of(golden, expanded, checkpointing, RankGroup::alone());
  const auto passes = as_ranks(count, [&](const RankGroup& group) {
    return pass_of(golden, expanded, checkpointing, group);
  });
  for (const Pass& found : passes) {
    CHECK(found.is_sharded);
    CHECK(found.loss.equal(expected.loss));
    CHECK(found.hidden.equal(expected.hidden));
    REQUIRE(found.gradients.size() == expected.gradients.size());
    for (std::size_t i = 0; i < found.gradients.size(); ++i) {
      CHECK(found.gradients[i].equal(expected.gradients[i]));
    }
  }
}

TEST_CASE("a rank keeps its share of the layers, and two whole layers at a time") {
  const ModelDirectory directory = Golden("gqa").directory();
  const DecoderSpec spec = read_spec(directory);
  struct Bytes {
    std::int64_t share, layer, before, there;
  };
  const auto bytes_of = [&](const RankGroup& group) {
    WeightLoader loader(directory, spec, at::kFloat, at::kCPU);
    LayerShards shards(group);
    std::vector<LayerWeights> layers;
    for (std::int64_t i = 0; i < spec.layers; ++i) {
      shards.add(layers.emplace_back(loader.layer(i)), spec);
    }
    const auto there = [&] {
      std::int64_t bytes = 0;
      for (const LayerWeights& layer : layers) {
        bytes += static_cast<std::int64_t>(layer.mlp.gate.weight.storage().nbytes());
      }
      return bytes;
    };
    const std::int64_t before = there();
    shards.hold(0, 1);
    shards.hold(1, {});
    shards.hold(spec.layers - 1, 0);
    return Bytes{shards.share_bytes(), shards.layer_bytes(), before, there()};
  };
  const Bytes all = bytes_of(RankGroup::alone());
  CHECK(all.share == spec.layers * all.layer);
  for (const int count : {2, 4}) {
    for (const Bytes& found : as_ranks(count, bytes_of)) {
      CHECK(found.layer == all.layer);
      CHECK(found.before == 0);
      CHECK(found.there == 2 * all.layer);
      CHECK(found.share * count == all.share);
    }
  }
}

}  // namespace
}  // namespace expandft
