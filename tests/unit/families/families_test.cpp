#include "base/error.h"
#include "catch.h"
#include "families/model_config.h"

namespace expandft {
namespace {

Json llama_json() {
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
  Json old_dialect = llama_json(), new_dialect = llama_json();
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
    CHECK(spec.attention(0).rope.theta == 5000.0);
    CHECK(spec.attention(0).rope.scaling == RopeScaling::kLlama3);
    CHECK(spec.attention(0).rope.factor == 8.0);
    CHECK(spec.attention(0).rope.original_max_positions == 16);
  }
}

TEST_CASE("defaults of a llama config") {
  const DecoderSpec spec = read_spec(llama_json(), "");
  CHECK(spec.head_dim == 8);
  CHECK_FALSE(spec.tied);
  CHECK_FALSE(spec.qkv_bias);
  CHECK_FALSE(spec.attention(0).window);
  CHECK(spec.norm_eps == 1e-6);
}

TEST_CASE("special tokens outside the vocabulary are read") {
  Json config = llama_json();
  config["bos_token_id"] = 600;
  config["eos_token_id"] = Json{2, 3};
  const DecoderSpec spec = read_spec(config, "");
  CHECK(spec.bos == 600);
  CHECK(spec.eos == 2);
}

TEST_CASE("unsupported features are named") {
  const auto with = [](const char* key, Json value) {
    Json config = llama_json();
    config[key] = std::move(value);
    return message_of(config);
  };
  CHECK_THAT(with("model_type", "mamba"), has_text("mamba") && has_text("model_type"));
  CHECK_THAT(with("hidden_act", "relu"), has_text("hidden_act") && has_text("relu"));
  CHECK_THAT(with("quantization_config", Json{{"bits", 4}}), has_text("quantization_config"));
  CHECK_THAT(with("rope_scaling", Json{{"type", "ntk"}, {"factor", 4.0}}), has_text("ntk"));
  CHECK_THAT(with("hidden_size", -4), has_text("hidden_size") && has_text("-4"));
  CHECK_THAT(with("hidden_size", "64"), has_text("hidden_size"));
  CHECK_THAT(with("num_hidden_layers", 94534131),
             has_text("num_hidden_layers") && has_text("94534131") && has_text("10000"));
  CHECK_THAT(with("num_key_value_heads", 3), has_text("num_key_value_heads"));
  CHECK_THAT(with("head_dim", 7), has_text("head_dim"));
  CHECK_THAT(with("rms_norm_eps", 0), has_text("rms_norm_eps"));
  CHECK_THAT(with("bos_token_id", -1), has_text("bos_token_id") && has_text("-1"));
  CHECK_THAT(with("eos_token_id", Json{-2, 5}), has_text("eos_token_id") && has_text("-2"));
  CHECK_THAT(with("tie_word_embeddings", 1), has_text("tie_word_embeddings"));
  Json missing = llama_json();
  missing.erase("vocab_size");
  CHECK_THAT(message_of(missing), has_text("vocab_size") && has_text("config.json"));
}

TEST_CASE("a published multimodal Gemma 3 leaves most sizes to the defaults") {
  // The config of gemma-3-4b-it.
  const Json config = Json::parse(R"({"model_type": "gemma3", "eos_token_id": [1, 106],
    "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                    "num_hidden_layers": 34, "sliding_window": 1024,
                    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    "vision_config": {"hidden_size": 1152}})");
  const DecoderSpec spec = read_spec(config, "config.json");
  CHECK(spec.vocab == 262208);
  CHECK(spec.heads == 8);
  CHECK(spec.kv_heads == 4);
  CHECK(spec.head_dim == 256);
  CHECK(spec.tied);
  CHECK(spec.attention(0).window == 1024);
  CHECK(spec.attention(0).rope == RopeSpec{.original_max_positions = 131072});
  CHECK_FALSE(spec.attention(5).window);
  CHECK(spec.attention(5).rope.theta == 1e6);
  CHECK(spec.attention(5).rope.scaling == RopeScaling::kLinear);
  CHECK(spec.attention(5).rope.factor == 8.0);
}

TEST_CASE("a family's fields that would change the arithmetic are named") {
  const auto of = [](const char* family, const char* key, Json value) {
    Json config = llama_json();
    config["model_type"] = family;
    config[key] = std::move(value);
    return message_of(config);
  };
  CHECK_THAT(of("mistral", "attention_bias", true), has_text("attention_bias"));
  CHECK_THAT(of("qwen2", "mlp_bias", true), has_text("mlp_bias"));
  CHECK_THAT(of("llama", "final_logit_softcapping", 30.0), has_text("final_logit_softcapping"));
  CHECK_THAT(of("gemma3_text", "attn_logit_softcapping", 50.0), has_text("attn_logit_softcapping"));
  CHECK_THAT(of("gemma3_text", "use_bidirectional_attention", true),
             has_text("use_bidirectional_attention"));
  CHECK_THAT(of("gemma3_text", "rope_parameters", Json{{"rope_theta", 5.0}}),
             has_text("full_attention"));
  CHECK_THAT(of("llama", "num_local_experts", 8), has_text("num_local_experts"));
  CHECK_THAT(of("llama", "partial_rotary_factor", 0.5), has_text("partial_rotary_factor"));
  CHECK_THAT(of("phi3", "partial_rotary_factor", 0.2), has_text("an even number"));
  CHECK_THAT(of("phi3", "rope_scaling", Json{{"type", "linear"}, {"factor", 2.0}}),
             has_text("longrope"));
  CHECK_THAT(
      of("phi3", "rope_scaling",
         Json{{"type", "longrope"}, {"short_factor", Json{1.0}}, {"long_factor", Json{1.0}}}),
      has_text("short_factor") && has_text("4 positive numbers"));
  const Json types = {"full_attention", "sliding_attention", "chunked_attention", "x", "x"};
  CHECK_THAT(of("gemma2", "layer_types", types), has_text("layer_types") && has_text("chunked"));
  CHECK_THAT(of("gemma2", "layer_types", Json{"full_attention"}), has_text("a list of 5 strings"));
  const Json mixed = {"full_attention", "sliding_attention", "full_attention", "full_attention",
                      "full_attention"};
  CHECK_THAT(of("mistral", "layer_types", mixed), has_text("layer_types"));
  CHECK_THAT(of("qwen2", "layer_types", mixed), has_text("sliding_window"));
  CHECK_THAT(of("llama", "layer_intermediate_sizes", Json{1, 2}), has_text("each of the 5 layers"));
}

/// The notices of a config, one per line.
std::string notices_of(const Json& config) {
  std::string lines;
  for (const Notice& notice : read_spec(config, "config.json").notices) {
    lines += notice_text(notice) + "\n";
  }
  return lines;
}

std::string notices_with(const char* key, Json value) {
  Json config = llama_json();
  config[key] = std::move(value);
  return notices_of(config);
}

TEST_CASE("unknown fields are named unless their values are empty") {
  Json config = llama_json();
  config["nobody_knows"] = 3;
  config["nor_this"] = {{"a", 1}};
  CHECK_THAT(notices_of(config), has_text("\"nobody_knows\" and \"nor_this\" are unknown") &&
                                     has_text("config.json") && has_text("something else"));
  for (const Json& nothing : {Json(), Json(false), Json(""), Json::array(), Json::object()}) {
    CAPTURE(nothing);
    CHECK(notices_with("nobody_knows", nothing).empty());
    CHECK(notices_with("num_experts", nothing).empty());
  }
  CHECK_THAT(notices_with("sliding_window", 16), has_text("sliding_window"));
}

TEST_CASE("fields without effect pass without a notice if their type is right") {
  // From published checkpoints of every family.
  const Json harmless = {{"architectures", {"LlamaForCausalLM"}},
                         {"transformers_version", "4.44.0"},
                         {"torch_dtype", "bfloat16"},
                         {"_name_or_path", "meta-llama/Llama-3.2-1B"},
                         {"use_cache", true},
                         {"initializer_range", 0.02},
                         {"pretraining_tp", 1},
                         {"attention_dropout", 0.0},
                         {"pad_token_id", 0},
                         {"attention_bias", false},
                         {"mlp_bias", false},
                         {"id2label", {{"0", "LABEL_0"}}},
                         {"temperature", 0.6},
                         {"is_causal", true},
                         {"unsloth_fixed", true},
                         {"num_experts", 0},
                         {"logit_scale", 1.0},
                         {"hidden_activation", "swish"}};
  Json config = llama_json();
  config.update(harmless);
  CHECK(notices_of(config).empty());
  CHECK_THAT(notices_with("use_cache", "true"),
             has_text("\"use_cache\" is \"true\", not true or false"));
  CHECK_THAT(notices_with("torch_dtype", "int3"), has_text("torch_dtype"));
  CHECK_THAT(notices_with("pad_token_id", 512), has_text("pad_token_id"));
  CHECK(notices_with("pad_token_id", -1).empty());
}

TEST_CASE("dropout is a notice for training only") {
  Json config = llama_json();
  config["attention_dropout"] = 0.1;
  const DecoderSpec spec = read_spec(config, "config.json");
  CHECK(spec.notices.empty());
  REQUIRE(spec.training_notices.size() == 1);
  CHECK_THAT(notice_text(spec.training_notices.front()),
             has_text("attention_dropout") && has_text("without dropout"));
}

TEST_CASE("non-causal attention is refused, also when null means it") {
  for (const Json& value : {Json(false), Json(), Json(0), Json("true"), Json(1)}) {
    Json config = llama_json();
    config["is_causal"] = value;
    CHECK_THAT(message_of(config), has_text("is_causal"));
    config = {{"model_type", "gemma3"}, {"text_config", Json::object()}, {"is_causal", value}};
    CHECK_THAT(message_of(config), has_text("is_causal"));
  }
}

TEST_CASE("null is refused for required fields") {
  for (const char* key : {"attention_bias", "tie_word_embeddings", "rms_norm_eps", "rope_theta",
                          "hidden_act", "max_position_embeddings"}) {
    Json config = llama_json();
    config[key] = nullptr;
    CHECK_THAT(message_of(config), has_text(key) && has_text("null"));
  }
  CHECK(read_spec(llama_json(), "").kv_heads == 4);
  Json config = llama_json();
  config["num_key_value_heads"] = nullptr;
  config["head_dim"] = nullptr;
  CHECK(read_spec(config, "").kv_heads == 8);
  CHECK(read_spec(config, "").head_dim == 8);
}

TEST_CASE("of two contradicting fields the one that transformers reads is used") {
  const Json linear = {{"rope_type", "linear"}, {"factor", 4.0}};
  const Json plain = {{"rope_type", "default"}, {"rope_theta", 500.0}};
  Json config = llama_json();
  config["rope_scaling"] = linear;
  config["rope_parameters"] = plain;
  const RopeSpec rope = read_spec(config, "").attention(0).rope;
  CHECK(rope.scaling == RopeScaling::kLinear);
  CHECK(rope.theta == 10000.0);
  CHECK_THAT(notices_of(config), has_text("\"rope_scaling\" and \"rope_parameters\" contradict"));
  config["rope_parameters"] = linear;
  CHECK(notices_of(config).empty());
  config["rope_scaling"] = nullptr;
  config["rope_parameters"] = plain;
  CHECK(read_spec(config, "").attention(0).rope.theta == 500.0);
  CHECK_THAT(notices_of(config), has_text("rope_theta"));

  Json gemma = llama_json();
  gemma.update({{"model_type", "gemma"}, {"head_dim", 8}});
  gemma["hidden_act"] = "gelu";
  gemma["hidden_activation"] = "gelu_pytorch_tanh";
  CHECK(notices_of(gemma).empty());
  gemma["hidden_activation"] = "silu";
  CHECK(read_spec(gemma, "").activation == Activation::kGeluTanh);
  CHECK_THAT(notices_of(gemma), has_text("hidden_activation") && has_text("hidden_act\""));
}

TEST_CASE("RoPE parameters that are ignored or duplicate give notices") {
  CHECK_THAT(notices_with("rope_scaling",
                          Json{{"rope_type", "linear"}, {"type", "yarn"}, {"factor", 2.0}}),
             has_text("\"type\" and \"rope_type\" contradict"));
  Json twice = llama_json();
  twice["rope_scaling"] = {
      {"rope_type", "yarn"}, {"factor", 2.0}, {"original_max_position_embeddings", 64}};
  twice["original_max_position_embeddings"] = 128;
  CHECK(read_spec(twice, "").attention(0).rope.original_max_positions == 128);
  CHECK_THAT(notices_of(twice), has_text("original_max_position_embeddings"));
  Json gemma = llama_json();
  gemma.update({{"model_type", "gemma3_text"}, {"sliding_window_pattern", 2}});
  gemma.erase("hidden_act");
  gemma["layer_types"] = {"sliding_attention", "full_attention", "sliding_attention",
                          "full_attention", "sliding_attention"};
  CHECK(notices_of(gemma).empty());
  gemma["sliding_window_pattern"] = 3;
  CHECK_THAT(notices_of(gemma), has_text("sliding_window_pattern") && has_text("layer_types"));
  CHECK_THAT(notices_with("rope_scaling", Json{{"factor", 4.0}}),
             has_text("\"factor\"") && has_text("\"default\"") && has_text("rope_scaling"));
  CHECK_THAT(notices_with("rope_scaling",
                          Json{{"rope_type", "linear"}, {"factor", 2.0}, {"beta_fast", 3}}),
             has_text("beta_fast"));
  CHECK(notices_with("rope_scaling",
                     Json{{"rope_type", "linear"}, {"type", "linear"}, {"factor", 2.0}})
            .empty());
}

TEST_CASE("fields of a multimodal Gemma 3 are judged in both objects") {
  Json config = {{"model_type", "gemma3"},
                 {"text_config", {{"model_type", "gemma3_text"}}},
                 {"vision_config", {{"hidden_size", 1152}}},
                 {"mm_tokens_per_image", 256},
                 {"image_token_index", 262144},
                 {"eos_token_id", {1, 106}},
                 {"initializer_range", 0.02}};
  CHECK(notices_of(config).empty());
  config["hidden_size"] = 5;
  config["text_config"]["nobody_knows"] = 3;
  CHECK_THAT(notices_of(config), has_text("config.json: field \"hidden_size\"") &&
                                     has_text("text_config: field \"nobody_knows\""));
  config["text_config"]["tie_word_embeddings"] = false;
  CHECK(read_spec(config, "").tied);
  CHECK_THAT(notices_of(config), has_text("tie_word_embeddings"));
  // transformers' multimodal class has no soft cap.
  config["text_config"]["final_logit_softcapping"] = 30.0;
  CHECK_FALSE(read_spec(config, "").logit_softcap);
  CHECK_THAT(notices_of(config), has_text("final_logit_softcapping"));
}

TEST_CASE("windowed layers follow the family's rule") {
  const auto windowed = [](Json config) {
    config["num_hidden_layers"] = 5;
    const DecoderSpec spec = read_spec(config, "");
    std::string layers;
    for (std::int64_t i = 0; i < spec.layers; ++i) layers += spec.attention(i).window ? 'w' : '-';
    return layers;
  };
  Json config = llama_json();
  config["sliding_window"] = 16;
  CHECK(windowed(config) == "-----");
  config["model_type"] = "mistral";
  CHECK(windowed(config) == "wwwww");
  config["sliding_window"] = nullptr;
  CHECK(windowed(config) == "-----");
  config["sliding_window"] = 16;
  config["model_type"] = "gemma2";
  CHECK(windowed(config) == "w-w-w");
  config["model_type"] = "gemma3_text";
  config["sliding_window_pattern"] = 3;
  CHECK(windowed(config) == "ww-ww");
  config["model_type"] = "qwen3";
  config["max_window_layers"] = 3;
  CHECK(windowed(config) == "-----");
  config["use_sliding_window"] = true;
  CHECK(windowed(config) == "---ww");
  config["model_type"] = "cwm";
  CHECK(windowed(config) == "-www-");
  config["model_type"] = "smollm3";
  config["no_rope_layers"] = {1, 0, 1, 0, 1};
  CHECK(windowed(config) == "-w-w-");
  config["use_sliding_window"] = false;
  CHECK(windowed(config) == "-----");
  config.erase("no_rope_layers");
  config["model_type"] = "ministral";
  CHECK(windowed(config) == "wwwww");
  config["layer_types"] = {"full_attention", "sliding_attention", "full_attention",
                           "sliding_attention", "full_attention"};
  CHECK(windowed(config) == "-w-w-");
}

TEST_CASE("SmolLM3 has layers without RoPE") {
  const auto rotated = [](const Json& config) {
    const DecoderSpec spec = read_spec(config, "config.json");
    std::string layers;
    for (std::int64_t i = 0; i < spec.layers; ++i) layers += spec.attention(i).rotates ? 'r' : '-';
    return layers;
  };
  Json config = llama_json();
  CHECK(rotated(config) == "rrrrr");
  config["model_type"] = "smollm3";
  CHECK(rotated(config) == "rrr-r");
  config["no_rope_layer_interval"] = 2;
  CHECK(rotated(config) == "r-r-r");
  config["no_rope_layers"] = {0, 1, 1, 1, 0, 1};
  CHECK(rotated(config) == "-rrr-");
  for (const Json& wrong :
       {Json{1, 1, 1, 1}, Json{1, 1, 1, 1, 2}, Json("1"), Json{1, 1, 1, 1, "0"}}) {
    config["no_rope_layers"] = wrong;
    CHECK_THAT(message_of(config), has_text("no_rope_layers") && has_text("5 layers"));
  }
}

TEST_CASE("Ministral 3 scales queries by position, and has YaRN by default") {
  Json config = llama_json();
  config["model_type"] = "ministral3";
  config["head_dim"] = 8;
  config.erase("rope_theta");
  const RopeSpec rope = read_spec(config, "").attention(0).rope;
  CHECK(rope.scaling == RopeScaling::kYarn);
  CHECK(rope.theta == 1e6);
  CHECK(rope.factor == 16);
  CHECK(rope.attention_factor == 1);
  CHECK(rope.original_max_positions == 16384);
  CHECK(rope.query_growth == 0.1);

  config["rope_parameters"] = nullptr;
  CHECK(read_spec(config, "").attention(0).rope == rope);
  config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 1e6}};
  CHECK_THAT(message_of(config), has_text("llama_4_scaling_beta"));
  config["rope_parameters"]["llama_4_scaling_beta"] = 0.1;
  CHECK_THAT(message_of(config), has_text("original_max_position_embeddings"));
  config["rope_parameters"]["original_max_position_embeddings"] = 16;
  config["rope_parameters"]["max_position_embeddings"] = 5;
  CHECK_THAT(message_of(config), has_text("max_position_embeddings"));
}

TEST_CASE("Granite's multipliers are read, and only its") {
  Json config = llama_json();
  config["model_type"] = "granite";
  const DecoderSpec plain = read_spec(config, "");
  CHECK(plain.query_scale == 1);
  CHECK(plain.logit_scale == 1);
  config["embedding_multiplier"] = 12;
  config["attention_multiplier"] = 0.015625;
  config["residual_multiplier"] = 0.22;
  config["logits_scaling"] = 8.0;
  const DecoderSpec spec = read_spec(config, "");
  CHECK(spec.embedding_scale == 12);
  CHECK_FALSE(spec.rounds_embedding_scale);
  CHECK(spec.query_scale == 0.015625);
  CHECK(spec.residual_scale == 0.22);
  CHECK(spec.logit_scale == 0.125);
  config["logits_scaling"] = 0;
  CHECK_THAT(message_of(config), has_text("logits_scaling"));
  config["logits_scaling"] = 8.0;
  config["model_type"] = "llama";
  CHECK_THAT(message_of(config), has_text("multiplier"));
}

TEST_CASE("biases that families name in their own way") {
  Json config = llama_json();
  config["model_type"] = "seed_oss";
  CHECK(read_spec(config, "").qkv_bias);
  CHECK_FALSE(read_spec(config, "").output_bias);
  config["attention_out_bias"] = true;
  CHECK(read_spec(config, "").output_bias);

  config = llama_json();
  config["model_type"] = "internlm3";
  config["qkv_bias"] = true;
  CHECK_THAT(message_of(config), has_text("mlp_bias") && has_text("attention_bias"));
  config["bias"] = true;
  const DecoderSpec spec = read_spec(config, "");
  CHECK(spec.qkv_bias);
  CHECK(spec.output_bias);
  CHECK(spec.mlp_bias);
  config["attention_bias"] = false;
  CHECK_THAT(message_of(config), has_text("qkv_bias") && has_text("attention_bias"));
}

TEST_CASE("the text part of multimodal models is read") {
  const Json sizes = {{"vocab_size", 512},
                      {"hidden_size", 64},
                      {"intermediate_size", 172},
                      {"num_hidden_layers", 5},
                      {"num_attention_heads", 8}};
  const auto wrapped = [&](const char* type, Json text) {
    text.update(sizes);
    return Json{{"model_type", type}, {"text_config", text}, {"vision_config", Json::object()}};
  };
  Json config = wrapped("mistral3", {{"model_type", "ministral3"}, {"head_dim", 8}});
  CHECK(read_spec(config, "").family == "mistral3");
  CHECK(read_spec(config, "").attention(0).rope.query_growth == 0.1);
  CHECK(read_spec(config, "").tied);
  config["tie_word_embeddings"] = false;
  CHECK_FALSE(read_spec(config, "").tied);
  config["text_config"].erase("model_type");
  CHECK(read_spec(config, "").attention(0).window == 4096);  // Mistral's default

  // Both of its objects can tie the head.
  config = wrapped("llava", {{"tie_word_embeddings", true}});
  CHECK(read_spec(config, "").tied);
  CHECK(notices_of(config).empty());
  config["text_config"] = {{"model_type", "llama"}, {"vocab_size", 32064}};
  CHECK(read_spec(config, "").hidden == 4096);
  config["text_config"]["model_type"] = "mamba";
  CHECK_THAT(message_of(config), has_text("mamba") && has_text("text_config"));

  config = wrapped("smolvlm", {{"tie_word_embeddings", true}});
  CHECK_FALSE(read_spec(config, "").tied);
  CHECK_THAT(notices_of(config), has_text("tie_word_embeddings"));

  config = wrapped("qwen3_vl", {{"model_type", "qwen3"}});
  CHECK_THAT(message_of(config), has_text("qwen3_vl_text"));
}

TEST_CASE("Gemma 4's full-attention layers have sizes of their own, in either dialect") {
  Json config = {{"model_type", "gemma4_text"}, {"hidden_size", 64},
                 {"num_hidden_layers", 6},      {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},    {"head_dim", 8},
                 {"attention_k_eq_v", true},    {"hidden_size_per_layer_input", 0},
                 {"global_head_dim", 16},       {"num_global_key_value_heads", 1}};
  const DecoderSpec spec = read_spec(config, "config.json");
  CHECK(spec.attention(0).head_dim == 8);
  CHECK(spec.attention(0).kv_heads == 2);
  CHECK(spec.attention(0).window == 512);
  CHECK_FALSE(spec.attention(0).values_are_keys);
  CHECK(spec.attention(5).head_dim == 16);
  CHECK(spec.attention(5).kv_heads == 1);
  CHECK(spec.attention(5).rotary_dim == 16);
  CHECK(spec.attention(5).values_are_keys);
  CHECK(spec.attention(5).rope.turned_pairs == 2);
  CHECK(spec.attention_kinds.size() == 2);
  CHECK(spec.query_scale == 1);
  CHECK(spec.norm == NormRule::kScaleThenRound);

  Json other = config;
  other.erase("global_head_dim");
  other.erase("num_global_key_value_heads");
  other["per_layer_config"] = {{"05", {{"head_dim", 16}, {"num_key_value_heads", 1}}}};
  CHECK(read_spec(other, "config.json") == spec);
  other["per_layer_config"] = {{"05", {{"intermediate_size", 16}}}};
  CHECK_THAT(message_of(other), has_text("intermediate_size") && has_text("per_layer_config"));
  other["per_layer_config"] = {{"06", {{"head_dim", 16}}}};
  CHECK_THAT(message_of(other), has_text("06") && has_text("per_layer_config"));

  // Counts only where keys are values.
  config["attention_k_eq_v"] = false;
  CHECK(read_spec(config, "").attention(5).kv_heads == 2);
  config["layer_types"] = Json::array();
  for (int i = 0; i < 6; ++i) config["layer_types"].push_back("sliding_attention");
  CHECK_FALSE(read_spec(config, "").attention(5).window);
  CHECK_THAT(notices_of(config), has_text("last layer"));
  config.erase("layer_types");

  for (const auto& [key, value] : {std::pair<const char*, Json>{"num_kv_shared_layers", 6},
                                   {"enable_moe_block", true},
                                   {"use_bidirectional_attention", "all"},
                                   {"num_global_key_value_heads", 3},
                                   {"global_head_dim", 7}}) {
    Json wrong = config;
    wrong["attention_k_eq_v"] = true;
    wrong[key] = value;
    CHECK_THAT(message_of(wrong), has_text(key));
  }
}

TEST_CASE("Gemma 4's config is read as transformers reads it, or refused") {
  Json config = {
      {"model_type", "gemma4_text"}, {"num_hidden_layers", 6}, {"hidden_size_per_layer_input", 0}};
  const DecoderSpec spec = read_spec(config, "");
  for (const Json& causal : {Json(), Json("vision")}) {
    config["use_bidirectional_attention"] = causal;
    CHECK(read_spec(config, "") == spec);
  }
  const Json linear = {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 1e4}};
  const Json local = {{"rope_type", "default"}, {"rope_theta", 1e4}};
  const Json full = {
      {"rope_type", "proportional"}, {"rope_theta", 1e6}, {"partial_rotary_factor", 0.25}};
  config["rope_parameters"] = {{"full_attention", full}, {"sliding_attention", local}};
  CHECK(read_spec(config, "") == spec);
  const auto message_with = [&](const char* place, const Json& value) {
    Json wrong = config;
    wrong[Json::json_pointer(place)] = value;
    return message_of(wrong);
  };
  CHECK_THAT(message_with("/rope_scaling", linear), has_text("rope_scaling"));
  CHECK_THAT(message_with("/rope_parameters", Json::object()), has_text("sliding_attention"));
  CHECK_THAT(message_with("/rope_parameters/full_attention", Json()), has_text("full_attention"));
  CHECK_THAT(message_with("/rope_parameters/full_attention/rope_theta", Json()),
             has_text("rope_theta"));
  CHECK_THAT(message_with("/rope_parameters/full_attention/partial_rotary_factor", Json()),
             has_text("partial_rotary_factor"));
  CHECK_THAT(message_with("/rope_parameters/full_attention", linear),
             has_text("rope_type") && has_text("proportional"));
  CHECK_THAT(message_with("/num_experts", "text"), has_text("num_experts"));
}

TEST_CASE("Gemma 4's last layers use the keys and values of earlier ones") {
  Json config = {{"model_type", "gemma4_text"},
                 {"num_hidden_layers", 12},
                 {"num_kv_shared_layers", 5},
                 {"use_double_wide_mlp", false}};
  const DecoderSpec spec = read_spec(config, "config.json");
  CHECK(spec.layer_input == 256);  // by default
  CHECK(spec.layer_input_vocab == 262144);
  CHECK(spec.key_layer(6) == 6);
  CHECK(spec.key_layer(7) == 6);
  CHECK(spec.key_layer(11) == 5);
  CHECK(spec.key_sources == std::vector<std::int64_t>{5, 6});
  CHECK(spec.width(11) == 9216);
  config["use_double_wide_mlp"] = true;
  CHECK(read_spec(config, "").width(6) == 9216);
  CHECK(read_spec(config, "").width(7) == 2 * 9216);
  config["num_kv_shared_layers"] = 7;  // layers 0 to 4 are all windowed
  CHECK_THAT(message_of(config), has_text("num_kv_shared_layers") && has_text("each type"));
}

TEST_CASE("a flat config of Qwen 2 VL is its own text part") {
  Json config = llama_json();
  config["model_type"] = "qwen2_vl";
  config["rope_scaling"] = {{"type", "mrope"}, {"mrope_section", {1, 1, 2}}};
  config["vision_config"] = {{"depth", 32}};
  config["vision_token_id"] = 7;
  config["video_token_id"] = 8;
  CHECK(notices_of(config).empty());
  const DecoderSpec spec = read_spec(config, "");
  CHECK(spec.qkv_bias);
  CHECK(spec.attention(0).rope.scaling == RopeScaling::kNone);
  // Not of models that know one axis only.
  config = llama_json();
  config["rope_scaling"] = {{"type", "mrope"}, {"mrope_section", {1, 1, 2}}};
  CHECK_THAT(message_of(config), has_text("mrope"));
}

}  // namespace
}  // namespace expandft
