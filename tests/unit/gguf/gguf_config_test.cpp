#include "gguf/gguf_config.h"

#include "base/expect_error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "families/model_config.h"
#include "gguf/gguf_bytes.h"

#include <cmath>

using namespace expandft;
using namespace expandft::testing;

namespace {

using Type = GgufValueType;

/// Keys of a model with 2 layers, hidden size 8, 2 heads and 1 key head, without tokenizer.
GgufBytes keys_of(const std::string& name, bool with_widths = true) {
  GgufBytes file;
  file.text("general.architecture", name)
      .u32(name + ".block_count", 2)
      .u32(name + ".embedding_length", 8)
      .u32(name + ".attention.head_count", 2)
      .u32(name + ".attention.head_count_kv", 1)
      .u32(name + ".context_length", 64)
      .f32(name + ".attention.layer_norm_rms_epsilon", 1e-6F)
      .filled("token_embd.weight", {8, 5})
      .filled("output_norm.weight", {8});
  if (with_widths) file.u32(name + ".feed_forward_length", 16);
  return file;
}

Json config_of(const GgufBytes& file, Notices* notices = nullptr) {
  const TempDirectory folder;
  Notices found;
  Json config =
      gguf_model_config(GgufFile::open(folder.write("m.gguf", file.bytes())), "bfloat16", found);
  if (notices != nullptr) *notices = found;
  return config;
}
void check_config_refused(const GgufBytes& file, const std::vector<std::string>& parts) {
  expect_input_error([&] { config_of(file); }, parts);
}

}  // namespace

TEST_CASE("The config of each architecture is one that expandft reads", "[gguf]") {
  for (const std::string name : {"llama", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "gemma3"}) {
    INFO(name);
    GgufBytes file = keys_of(name);
    if (name == "gemma2" || name == "gemma3") file.u32(name + ".attention.sliding_window", 32);
    const Json config = config_of(file);
    const DecoderSpec spec = read_spec(config, "config");
    CHECK(spec.hidden == 8);
    CHECK(spec.vocab == 5);
    CHECK(spec.intermediate == 16);
    CHECK(config.at("torch_dtype") == "bfloat16");
    CHECK(config.at("rms_norm_eps") == 1e-6);  // not 9.999999974752427e-07
    CHECK(config.at("tie_word_embeddings") == true);
  }
}

TEST_CASE("Gemma's windows, caps and query scale are put back", "[gguf]") {
  const Json two = config_of(keys_of("gemma2").u32("gemma2.attention.sliding_window", 32));
  CHECK(two.at("layer_types") == Json({"sliding_attention", "full_attention"}));
  CHECK(two.at("attn_logit_softcapping") == 50);
  CHECK(two.at("final_logit_softcapping") == 30);
  CHECK(two.at("query_pre_attn_scalar") == 4);
  const Json three = config_of(keys_of("gemma3")
                                   .u32("gemma3.attention.sliding_window", 32)
                                   .u32("gemma3.attention.sliding_window_pattern", 2));
  CHECK(three.at("layer_types") == Json({"sliding_attention", "full_attention"}));
  CHECK(three.at("rope_local_base_freq") == 10000);
  check_config_refused(keys_of("gemma3"), {"attention.sliding_window"});
}

TEST_CASE("Widths by layer are read if they are the same", "[gguf]") {
  const auto widths = [](const std::vector<std::int32_t>& list) {
    return keys_of("llama", false).numbers("llama.feed_forward_length", Type::kInt32, list);
  };
  CHECK(config_of(widths({16, 16})).at("intermediate_size") == 16);
  check_config_refused(widths({16, 24}),
                       {"layer 1 has 24", "layer 0 16", "llama.feed_forward_length"});
  check_config_refused(widths({16}), {"1 value", "2 layers", "llama.feed_forward_length"});
  check_config_refused(widths({0, 0}), {"layer 0 has 0", "llama.feed_forward_length"});
  check_config_refused(keys_of("llama", false), {"no such key", "llama.feed_forward_length"});
}

TEST_CASE("Sizes that cannot be are refused by their key", "[gguf]") {
  const auto with_layers = [](std::uint64_t layers) {
    return GgufBytes()
        .text("general.architecture", "llama")
        .u32("llama.embedding_length", 8)
        .key("llama.block_count", Type::kUint64, le(layers))
        .filled("token_embd.weight", {8, 5});
  };
  check_config_refused(with_layers(0), {"found 0", "llama.block_count"});
  check_config_refused(with_layers(3),
                       {"found 3, but the file has 1 tensors", "llama.block_count"});
  check_config_refused(with_layers(1ULL << 40), {"expected 1 to 2147483647", "llama.block_count"});
  check_config_refused(with_layers(1ULL << 63), {"too large", "llama.block_count"});
  check_config_refused(GgufBytes().text("general.architecture", "rwkv7"),
                       {"the architecture is \"rwkv7\"", "expected one of llama"});
  check_config_refused(keys_of("llama").u32("llama.expert_count", 8),
                       {"llama.expert_count", "found 8"});
  check_config_refused(keys_of("llama").f32("llama.rope.freq_base", 0), {"llama.rope.freq_base"});
  check_config_refused(keys_of("llama").f32("llama.rope.freq_base", NAN),
                       {"llama.rope.freq_base", "finite"});
}

TEST_CASE("RoPE scaling is read as llama.cpp reads it", "[gguf]") {
  const auto scaling = [](const GgufBytes& file) {
    return config_of(file).value("rope_scaling", Json());
  };
  const Json linear = {{"rope_type", "linear"}, {"factor", 2.0}};
  CHECK(scaling(keys_of("llama")).is_null());
  CHECK(scaling(keys_of("llama").f32("llama.rope.scaling.factor", 2)) == linear);
  CHECK(scaling(keys_of("llama").f32("llama.rope.scale_linear", 2)) == linear);
  CHECK(scaling(keys_of("llama").f32("llama.rope.scaling.factor", 1)).is_null());
  CHECK(scaling(keys_of("llama")
                    .text("llama.rope.scaling.type", "none")
                    .f32("llama.rope.scaling.factor", 2))
            .is_null());
  check_config_refused(keys_of("llama").text("llama.rope.scaling.type", "ntk"),
                       {"llama.rope.scaling.type", "\"ntk\""});
  check_config_refused(keys_of("llama").f32("llama.rope.scaling.factor", -1),
                       {"rope.scaling.factor"});
}

TEST_CASE("Llama 3's rule is read from its factors", "[gguf]") {
  const auto with = [](const std::vector<float>& factors) {
    std::string bytes;
    for (const float factor : factors) bytes += le(factor);
    return keys_of("llama").tensor("rope_freqs.weight", {factors.size()}, 0, bytes);
  };
  CHECK(config_of(with({1, 1})).value("rope_scaling", Json()).is_null());
  check_config_refused(with({1, 1, 1}), {"expected 2 numbers", "rope_freqs.weight"});
  check_config_refused(with({1, 8}), {"Llama 3's rule", "rope_freqs.weight"});
  for (const float bad : {0.0F, -1.0F, NAN, INFINITY}) {
    check_config_refused(with({1, bad}), {"factor 1 is", "rope_freqs.weight"});
  }
}

TEST_CASE("Keys that nothing reads are noted", "[gguf]") {
  Notices notices;
  config_of(keys_of("llama").u32("llama.new_thing", 1), &notices);
  REQUIRE(notices.size() == 1);
  CHECK(has(notices.front().what, "llama.new_thing"));
}
