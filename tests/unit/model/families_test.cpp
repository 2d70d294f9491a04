#include "model/families.h"

#include "base/error.h"
#include "catch.h"
#include "golden.h"

namespace expandft {
namespace {

Json llama() {
  return Json::parse(R"({"model_type": "llama", "vocab_size": 512, "hidden_size": 64,
    "intermediate_size": 172, "num_hidden_layers": 5, "num_attention_heads": 8,
    "num_key_value_heads": 4, "hidden_act": "silu", "rope_theta": 10000.0})");
}

std::string message_of(const Json& config) {
  try {
    read_spec(config, "config.json");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kBadInput);
    return error.what();
  }
  FAIL("no error for " << config.dump());
  return {};
}

TEST_CASE("both dialects of config.json give the same RoPE") {
  Json old_dialect = llama(), new_dialect = llama();
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 16}};
  old_dialect["rope_theta"] = 5000.0;
  old_dialect["rope_scaling"] = scaling;
  new_dialect.erase("rope_theta");
  new_dialect["rope_parameters"] = scaling;
  new_dialect["rope_parameters"]["rope_theta"] = 5000.0;
  const DecoderSpec a = read_spec(old_dialect, ""), b = read_spec(new_dialect, "");
  for (const DecoderSpec& spec : {a, b}) {
    CHECK(spec.rope.theta == 5000.0);
    CHECK(spec.rope.scaling == RopeScaling::kLlama3);
    CHECK(spec.rope.factor == 8.0);
    CHECK(spec.rope.original_max_positions == 16);
  }
}

TEST_CASE("defaults of a llama config") {
  const DecoderSpec spec = read_spec(llama(), "");
  CHECK(spec.head_dim == 8);
  CHECK_FALSE(spec.tied);
  CHECK_FALSE(spec.attention_bias);
  CHECK(spec.norm_eps == 1e-6);
  CHECK(read_dtype(llama(), "") == Dtype::kF32);
}

TEST_CASE("special tokens outside the vocabulary are read") {
  Json config = llama();
  config["bos_token_id"] = 600;
  config["eos_token_id"] = Json{2, 3};
  const DecoderSpec spec = read_spec(config, "");
  CHECK(spec.bos == 600);
  CHECK(spec.eos == 2);
}

TEST_CASE("what is not supported is named") {
  const auto with = [](const char* key, Json value) {
    Json config = llama();
    config[key] = std::move(value);
    return message_of(config);
  };
  CHECK_THAT(with("model_type", "mamba"), has_text("mamba") && has_text("model_type"));
  CHECK_THAT(with("hidden_act", "relu"), has_text("hidden_act") && has_text("relu"));
  CHECK_THAT(with("quantization_config", Json{{"bits", 4}}), has_text("quantization_config"));
  CHECK_THAT(with("rope_scaling", Json{{"type", "yarn"}, {"factor", 4.0}}), has_text("yarn"));
  CHECK_THAT(with("hidden_size", -4), has_text("hidden_size") && has_text("-4"));
  CHECK_THAT(with("hidden_size", "64"), has_text("hidden_size"));
  CHECK_THAT(with("num_key_value_heads", 3), has_text("num_key_value_heads"));
  CHECK_THAT(with("head_dim", 7), has_text("head_dim"));
  CHECK_THAT(with("rms_norm_eps", 0), has_text("rms_norm_eps"));
  CHECK_THAT(with("bos_token_id", -1), has_text("bos_token_id") && has_text("-1"));
  CHECK_THAT(with("eos_token_id", Json{-2, 5}), has_text("eos_token_id") && has_text("-2"));
  CHECK_THAT(with("tie_word_embeddings", 1), has_text("tie_word_embeddings"));
  Json missing = llama();
  missing.erase("vocab_size");
  CHECK_THAT(message_of(missing), has_text("vocab_size") && has_text("config.json"));
}

}  // namespace
}  // namespace expandft
