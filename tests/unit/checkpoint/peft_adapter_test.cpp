#include "checkpoint/peft_adapter.h"

#include "base/error.h"
#include "catch.h"

using namespace expandft;

namespace {

Json sound_config() {
  return {
      {"peft_type", "LORA"}, {"task_type", "CAUSAL_LM"}, {"r", 4},
      {"lora_alpha", 8},     {"bias", "none"},           {"target_modules", {"q_proj", "v_proj"}}};
}

PeftLoraInfo read_with(const std::string& key, const Json& value) {
  Json config = sound_config();
  config[key] = value;
  return read_peft_config(config, "adapter_config.json");
}

Error error_with(const std::string& key, const Json& value) {
  CAPTURE(key, value.dump());
  try {
    read_with(key, value);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kBadInput);
    return error;
  }
  FAIL("accepted");
  return failure("");
}

std::string module_of(int layer, const std::string& name) {
  return "model.layers." + std::to_string(layer) + ".self_attn." + name;
}

}  // namespace

TEST_CASE("An unknown field of PEFT is refused by name", "[peft_config]") {
  const Json on[] = {true, "true", 1, {1}, {{"x", 1}}, "on"};
  for (const char* const key :
       {"use_dora", "use_qalora", "use_bdlora", "alora_invocation_tokens", "rank_pattern",
        "alpha_pattern", "lora_bias", "arrow_config", "kasa_config", "a_field_of_tomorrow"}) {
    for (const Json& value : on) {
      const Error error = error_with(key, value);
      CHECK(error.message().find(key) != std::string::npos);
      CHECK(error.hint().find("merge_and_unload") != std::string::npos);
    }
    for (const Json& value : {Json(), Json(false), Json(""), Json::array()}) {
      CHECK_NOTHROW(read_with(key, value));
    }
  }
  for (const char* const key : {"rank_pattern", "loftq_config", "a_field_of_tomorrow"}) {
    CHECK_NOTHROW(read_with(key, Json::object()));
  }
  CHECK(error_with("kasa_config", Json::object()).message().find("kasa_config") !=
        std::string::npos);
  for (const char* const key : {"lora_dropout", "peft_version", "corda_config", "megatron_core",
                                "qalora_group_size", "runtime_config", "revision"}) {
    for (const Json& value : on) CHECK_NOTHROW(read_with(key, value));
  }
}

TEST_CASE("A base that training changed is refused", "[peft_config]") {
  for (const char* const start : {"pissa", "pissa_niter_16", "olora", "OLoRA", "corda", "loftq",
                                  "lora_ga", "a_start_of_tomorrow"}) {
    const Error error = error_with("init_lora_weights", start);
    CHECK(error.message().find("\"init_lora_weights\" is \"" + std::string(start)) !=
          std::string::npos);
  }
  for (const Json& start : {Json(true), Json(false), Json(), Json("gaussian"), Json("eva"),
                            Json("orthogonal"), Json("mica")}) {
    CHECK_NOTHROW(read_with("init_lora_weights", start));
  }
}

TEST_CASE("Wrong types and other kinds of adapters are refused", "[peft_config]") {
  const auto names = [](const Error& error, const std::string& key) {
    return std::string(error.what()).find(key) != std::string::npos;
  };
  for (const char* const key : {"use_rslora", "inference_mode"}) {
    CHECK(names(error_with(key, "true"), key));
    CHECK(read_with(key, true).rank_stabilised == (std::string(key) == "use_rslora"));
  }
  CHECK(names(error_with("peft_type", "IA3"), "\"LORA\""));
  CHECK(names(error_with("peft_type", Json()), "\"LORA\""));
  CHECK(names(error_with("task_type", "SEQ_CLS"), "\"CAUSAL_LM\""));
  CHECK_NOTHROW(read_with("task_type", Json()));
  CHECK(names(error_with("bias", "all"), "\"bias\""));
  CHECK(names(error_with("base_model_name_or_path", 3), "base_model_name_or_path"));
  for (const char* const key : {"r", "lora_alpha"}) {
    for (const Json& value : {Json(0), Json(-1), Json("4"), Json(true), Json()}) {
      CHECK(names(error_with(key, value), key));
    }
  }
}

TEST_CASE("The modules of an adapter are those that PEFT would update", "[peft_config]") {
  const auto left_out = [](const std::string& key, const Json& value, const std::string& module) {
    return read_with(key, value).targets.left_out_by(module).value_or("");
  };
  const std::string q = module_of(1, "q_proj"), k = module_of(1, "k_proj");
  const auto targets = [&](const Json& value, const std::string& module) {
    return left_out("target_modules", value, module);
  };
  CHECK(targets({"q_proj"}, q).empty());
  CHECK(targets({"q_proj"}, k) == "target_modules");
  CHECK(targets({"proj"}, q) == "target_modules");
  CHECK(targets({"self_attn.q_proj"}, q).empty());
  CHECK(targets({q}, q).empty());
  CHECK(targets("all-linear", k).empty());
  CHECK(targets(R"(.*\.(q|v)_proj)", q).empty());
  CHECK(targets(R"(.*\.(q|v)_proj)", k) == "target_modules");
  CHECK(targets("q_proj", q) == "target_modules");  // the whole name must match
  CHECK(left_out("exclude_modules", {"q_proj"}, q) == "exclude_modules");
  CHECK(left_out("exclude_modules", R"(.*layers\.0.*)", q).empty());
  CHECK(left_out("layers_to_transform", 1, q).empty());
  CHECK(left_out("layers_to_transform", {0, 2}, q) == "layers_to_transform");
  CHECK(left_out("layers_to_transform", Json::array(), q).empty());
  Json config = sound_config();
  config["layers_to_transform"] = {1};
  config["layers_pattern"] = "layers";
  CHECK(!read_peft_config(config, "x").targets.left_out_by(q));
  config["layers_pattern"] = {"h"};
  CHECK(read_peft_config(config, "x").targets.left_out_by(q) == "layers_to_transform");

  for (const Json& value : {Json(), Json(""), Json::array(), Json(3), Json({1}), Json("(")}) {
    CHECK(std::string(error_with("target_modules", value).what()).find("target_modules") !=
          std::string::npos);
  }
  CHECK(error_with("layers_to_transform", "0").where().find("layers_to_transform") !=
        std::string::npos);
}
