#include "training/memory_estimate.h"

#include "catch.h"
#include "families/model_config.h"

#include <map>

namespace expandft {
namespace {

/// The sizes of Gemma 3 27B, as its config.json has them.
DecoderSpec gemma3_27b() {
  return read_spec({{"model_type", "gemma3_text"},
                    {"vocab_size", 262208},
                    {"hidden_size", 5376},
                    {"intermediate_size", 21504},
                    {"num_hidden_layers", 62},
                    {"num_attention_heads", 32},
                    {"num_key_value_heads", 16},
                    {"head_dim", 128},
                    {"query_pre_attn_scalar", 168},
                    {"max_position_embeddings", 131072},
                    {"sliding_window", 1024},
                    {"rms_norm_eps", 1e-6},
                    {"rope_theta", 1e6},
                    {"rope_local_base_freq", 1e4},
                    {"tie_word_embeddings", true},
                    {"hidden_activation", "gelu_pytorch_tanh"}},
                   "config.json");
}

ExpansionPlan last_layers(const DecoderSpec& spec, std::int64_t count) {
  ExpansionPlan plan{{}, 2};
  for (std::int64_t i = spec.layers - count; i < spec.layers; ++i) plan.layers.push_back(i);
  return plan;
}

double total(const std::vector<MemoryItem>& items) {
  double bytes = 0;
  for (const MemoryItem& item : items) bytes += item.bytes;
  return bytes;
}

TEST_CASE("27B parameters train on 8 GPUs of 80 GB, and on no fewer") {
  const DecoderSpec spec = gemma3_27b();
  CHECK(static_cast<double>(count_parameters(spec)) == Approx(27.0e9).epsilon(0.01));
  const ExpansionPlan plan = last_layers(spec, 20);
  const auto bytes = [&](int ranks, bool shard_base) {
    const MemoryLayout layout{.ranks = ranks,
                              .shard_base = shard_base,
                              .element_bytes = 2,
                              .checkpointing = true,
                              .tokens = 4096};
    return total(state_memory(spec, count_trained_parameters(plan, spec), layout)) +
           activation_bytes(spec, plan, layout);
  };
  CHECK(bytes(8, true) < 70e9);
  CHECK(bytes(8, false) > 80e9);
  CHECK(bytes(2, true) > 80e9);
  CHECK(bytes(1, true) > 160e9);
}

TEST_CASE("shares shrink with the number of ranks, and the rest does not") {
  const DecoderSpec spec = gemma3_27b();
  const auto items = [&](int ranks) {
    std::map<std::string, double> out;
    for (const MemoryItem& item :
         state_memory(spec, 1000, {.ranks = ranks, .shard_base = true, .element_bytes = 2})) {
      out[std::string(item.what)] = item.bytes;
    }
    return out;
  };
  const auto two = items(2), four = items(4);
  const double ends = 2.0 * 262208 * 5376 + 2 * 5376;
  const std::string base = "base weights: embedding, head, and a share of the layers";
  CHECK(two.at(base) - ends == Approx(2 * (four.at(base) - ends)));
  CHECK(two.at("a share of what trains, in float32") == 2000);
  CHECK(four.at("a share of what trains, in float32") == 1000);
  CHECK(four.at("a share of AdamW's moments") == 2000);
  CHECK(four.at("what trains, as computed with") == 2000);
  CHECK(four.at("its gradients") == 4000);
  const auto one = items(1);
  CHECK(one.at("what trains (float32)") == 4000);
  CHECK(one.at("its AdamW moments") == 8000);
  CHECK(one.at("what trains, cast to compute with") == 2000);
  CHECK(one.count("two layers, gathered from all ranks") == 0);
}

TEST_CASE("a narrow plan takes less, and what it gathers of the base is counted") {
  const DecoderSpec spec = gemma3_27b();
  const ExpansionPlan whole = last_layers(spec, 20);
  ExpansionPlan narrow = whole;
  narrow.widths.assign(20, 2688);  // an eighth
  const MemoryLayout layout{.element_bytes = 2, .tokens = 100};
  CHECK(activation_bytes(spec, narrow, layout) < activation_bytes(spec, whole, layout));
  // Beside 20 whole copies, each with gate, up and the input, an eighth of gate and up twice.
  const double spared = 20.0 * (2 * 21504 - 4 * 2688);
  const double largest = 2 * 21504 - 4 * 2688;
  CHECK(activation_bytes(spec, whole, layout) - activation_bytes(spec, narrow, layout) ==
        Approx((spared + largest) * 100 * 2));
  MemoryLayout gathering = layout;
  gathering.gathered = count_gathered_parameters(narrow, spec);
  CHECK(total(state_memory(spec, 1000, gathering)) - total(state_memory(spec, 1000, layout)) ==
        2.0 * 20 * 2688 * 3 * 5376);
}

TEST_CASE("checkpointing keeps only a layer's input") {
  const DecoderSpec spec = gemma3_27b();
  const auto bytes = [&](std::int64_t count, bool checkpointing) {
    return activation_bytes(spec, last_layers(spec, count),
                            {.element_bytes = 2, .checkpointing = checkpointing, .tokens = 100});
  };
  CHECK(bytes(20, true) - bytes(10, true) == Approx(2.0 * 100 * 10 * 5376));
  CHECK(bytes(20, false) - bytes(10, false) > 10 * (bytes(20, true) - bytes(10, true)));
}

}  // namespace
}  // namespace expandft
