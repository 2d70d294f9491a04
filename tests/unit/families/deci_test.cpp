#include "families/deci.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "checkpoint/model_directory.h"
#include "families/model_config.h"

#include <cmath>
#include <limits>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;

Json llama_config() {
  return Json::parse(R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
    "vocab_size": 512, "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 3,
    "num_attention_heads": 8, "num_key_value_heads": 4, "hidden_act": "silu",
    "rope_theta": 5000.0, "rms_norm_eps": 1e-5, "tie_word_embeddings": true})");
}

DecoderSpec deci_spec(const Json& config) {
  return read_spec(config, "config.json");
}

TEST_CASE("every width survives being stated as a factor of DeciLM, also in a file") {
  for (const std::int64_t hidden :
       {1, 7, 64, 288, 768, 1000, 2048, 3072, 4096, 5120, 8191, 16384}) {
    CAPTURE(hidden);
    for (std::int64_t width = 256; width <= 262144; width += 256) {
      const double factor = deci_factor(width, hidden);
      REQUIRE(deci_factor_width(factor, hidden) == width);
      REQUIRE(Json::parse(Json(factor).dump()).get<double>() == factor);
    }
  }
  // Readers tell a factor from an integer by the decimal point.
  CHECK(Json(deci_factor(2048, 3072)).dump() == "1.0");
}

TEST_CASE("DeciLM's widths are those of its published models") {
  CHECK(deci_factor_width(1.3125, 8192) == 7168);
  CHECK(deci_factor_width(2.625, 8192) == 14336);
  CHECK(deci_factor_width(5.25, 8192) == 28672);
  CHECK(deci_factor_width(0.5, 8192) == 2816);  // 2730.67, truncated and rounded up
}

TEST_CASE("invalid factors give the width 0") {
  const double nan = std::nan(""), infinite = std::numeric_limits<double>::infinity();
  for (const double factor : {0.0, -1.0, 1e-9, 1e12, nan, infinite}) {
    CAPTURE(factor);
    CHECK(deci_factor_width(factor, 64) == 0);
  }
}

TEST_CASE("widths are rounded up to a multiple of 256") {
  CHECK(deci_width(1) == 256);
  CHECK(deci_width(256) == 256);
  CHECK(deci_width(257) == 512);
}

TEST_CASE("a Llama config written as DeciLM's is the same model with other widths") {
  Json config = llama_config();
  // Mistral's config.json leaves out most fields, and its defaults differ from Llama's.
  const bool mistral = GENERATE(false, true);
  if (mistral) {
    config["model_type"] = "mistral";
    config["sliding_window"] = nullptr;
    config.erase("rms_norm_eps");
    config.erase("num_key_value_heads");
  }
  const DecoderSpec before = deci_spec(config);
  REQUIRE(deci_obstacle(before).empty());
  const DecoderSpec after = deci_spec(deci_config(config, before, {512, 256, 768}));
  CHECK(after.family == kDeciModelType);
  CHECK(after.layer_widths == std::vector<std::int64_t>{512, 256, 768});
  CHECK(after.intermediate == 172);
  CHECK(after.kv_heads == before.kv_heads);
  CHECK(after.head_dim == before.head_dim);
  CHECK(after.max_positions == before.max_positions);
  CHECK(after.norm_eps == before.norm_eps);
  CHECK(after.tied);
  CHECK(after.attention(2).rope == before.attention(2).rope);
  CHECK_FALSE(after.attention(2).window);
}

TEST_CASE("Llama 3's RoPE is written to DeciLM's config in either dialect") {
  Json config = llama_config();
  const char* key = GENERATE("rope_scaling", "rope_parameters");
  config[key] = {{"rope_type", "llama3"},
                 {"factor", 8.0},
                 {"low_freq_factor", 1.0},
                 {"high_freq_factor", 4.0},
                 {"original_max_position_embeddings", 16},
                 {"rope_theta", 5000.0}};
  const DecoderSpec before = deci_spec(config);
  REQUIRE(deci_obstacle(before).empty());
  const DecoderSpec after = deci_spec(deci_config(config, before, {256, 256, 256}));
  CHECK(after.attention(0).rope == before.attention(0).rope);
  CHECK(after.attention(0).rope.scaling == RopeScaling::kLlama3);
}

TEST_CASE("arithmetic that DeciLM does not have is named") {
  const auto obstacle = [](const char* model) {
    return deci_obstacle(read_spec(
        ModelDirectory::open(fs::path(EXPANDFT_TEST_DATA) / "golden" / "models" / model)));
  };
  CHECK(has(obstacle("bias"), "biases"));
  CHECK(has(obstacle("qwen2"), "biases"));
  CHECK(has(obstacle("qwen3"), "biases"));
  CHECK(has(obstacle("phi3"), "fused"));
  CHECK(has(obstacle("mistral"), "windowed"));
  CHECK(has(obstacle("gemma"), "norms"));
  CHECK(has(obstacle("gemma2"), "norms"));
  CHECK(has(obstacle("gemma3"), "norms"));
  CHECK(has(obstacle("gemma3-multimodal"), "norms"));
  CHECK(has(obstacle("linear-rope"), "RoPE"));
  CHECK(has(obstacle("gqa"), "head_dim"));
  CHECK(has(obstacle("llama3-rope"), "head_dim"));

  Json config = llama_config();
  config["hidden_act"] = "gelu";
  CHECK(has(deci_obstacle(deci_spec(config)), "SiLU"));
  Json normed = llama_config();
  normed["model_type"] = "qwen3";
  normed["head_dim"] = 8;
  CHECK(has(deci_obstacle(deci_spec(normed)), "queries and keys"));
}

TEST_CASE("blocks that are not Llama's are refused") {
  const DecoderSpec spec = deci_spec(llama_config());
  Json config = deci_config(llama_config(), spec, {512, 256, 768});
  const auto refusal = [&] {
    const Error error = error_of([&] { deci_spec(config); });
    CHECK(error.code() == ExitCode::kBadInput);
    return error.message() + " at " + error.where();
  };
  Json& block = config["block_configs"][1];
  SECTION("a part that is a no-op or linear") {
    const std::string part = GENERATE("attention", "ffn"),
                      key = GENERATE("no_op", "replace_with_linear");
    block[part][key] = true;
    CHECK(has(refusal(), "\"" + part + "\""));
    CHECK(has(refusal(), "block_configs[1]"));
  }
  SECTION("another number of key-value heads") {
    block["attention"]["n_heads_in_group"] = 4;
    CHECK(has(refusal(), "\"n_heads_in_group\" is 4; expected 2"));
    block["attention"]["n_heads_in_group"] = nullptr;
    CHECK(has(refusal(), "n_heads_in_group"));
  }
  SECTION("no factor, or an invalid one") {
    const char* factor = GENERATE("null", "0", "-1.5", "1e-9", "1e300", "\"2\"");
    block["ffn"]["ffn_mult"] = Json::parse(factor);
    CHECK(has(refusal(), "ffn_mult"));
  }
  SECTION("parts that are missing") {
    const char* json = GENERATE("null", "{}", "[]", "3", R"({"attention": 1})");
    block = Json::parse(json);
    CHECK(has(refusal(), "\"attention\""));
  }
  SECTION("another number of blocks") {
    config["block_configs"].erase(2);
    CHECK(has(refusal(), "a block for each of the 3 layers"));
    config.erase("block_configs");
    CHECK(has(refusal(), "block_configs"));
  }
}

TEST_CASE("fields of DeciLM's blocks that expandft does not write are refused") {
  const Json block = {{"attention", {{"n_heads_in_group", 2}, {"window_length", nullptr}}},
                      {"ffn", {{"ffn_mult", 6.0}, {"sparsify", nullptr}}}};
  Json config = llama_config();
  config["model_type"] = kDeciModelType;
  config["block_configs"] = {block, block, block};
  CHECK(deci_spec(config).notices.empty());
  config["block_configs"][1]["attention"]["window_length"] = 8;
  CHECK(has(error_of([&] { deci_spec(config); }).message(), "window_length"));
  config["block_configs"][1] = block;
  config["nobody_knows"] = 3;
  CHECK(deci_spec(config).notices.size() == 1);
}

}  // namespace
}  // namespace expandft
