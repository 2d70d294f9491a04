#include "checkpoint/peft_config.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace expandft {
namespace {

constexpr const char* kMergeHint =
    "merge it with PEFT itself (model.merge_and_unload()), and give the merged model";

/// Fields that are read below.
constexpr std::array kRead{"peft_type",         "task_type",      "r",
                           "lora_alpha",        "use_rslora",     "base_model_name_or_path",
                           "init_lora_weights", "bias",           "target_modules",
                           "exclude_modules",   "inference_mode", "layers_to_transform",
                           "layers_pattern"};

/// Fields that do not change what an adapter computes once it is trained.
constexpr std::array kHarmless{
    "auto_mapping",
    "peft_version",
    "revision",
    "lora_dropout",
    "runtime_config",
    // How A and B began; whether the base was changed then is init_lora_weights' to say.
    "loftq_config",
    "eva_config",
    "corda_config",
    "lora_ga_config",
    // A gradient of its own.
    "velora_config",
    // Nothing without megatron_config and use_qalora.
    "megatron_core",
    "qalora_group_size",
};

/// Kinds of LoRA whose settings all have defaults: an empty object switches them on, too.
constexpr std::array kOnWhenEmpty{"kasa_config", "use_bdlora", "arrow_config", "monteclora_config"};

template <std::size_t count>
bool is_one_of(std::string_view key, const std::array<const char*, count>& keys) {
  return std::ranges::find(keys, key) != keys.end();
}

bool is_off(const Json& value) {
  return value.is_null() || value == Json(false) ||
         ((value.is_string() || value.is_structured()) &&
          (value.is_string() ? value.get_ref<const std::string&>().empty() : value.empty()));
}

/// Whether A and B alone were set when training began, so that the base is the published one.
bool keeps_base(const Json& initialisation) {
  if (initialisation.is_null() || initialisation.is_boolean()) return true;
  return std::ranges::any_of(std::array{"gaussian", "eva", "orthogonal", "mica"},
                             [&](const char* name) { return initialisation == Json(name); });
}

void check_kind(const JsonNode& config) {
  const auto type = config.find("peft_type");
  if (!type || type->value() != Json("LORA")) {
    throw input_error("this adapter's \"peft_type\" is " +
                          json_excerpt(type ? type->value() : Json()) + "; expected \"LORA\"",
                      config.where(), "of PEFT's adapters only LoRA is supported");
  }
  const auto task = config.find("task_type");
  if (task && task->value() != Json("CAUSAL_LM")) {
    throw input_error("this adapter's \"task_type\" is " + json_excerpt(task->value()) +
                          "; expected \"CAUSAL_LM\"",
                      config.where(), "adapters of language models are supported, without heads");
  }
}

void check_settings(const JsonNode& config) {
  const auto refuse = [&](const std::string& key, const Json& value, const std::string& why,
                          const std::string& hint) {
    throw input_error("field \"" + key + "\" is " + json_excerpt(value) + why, config.where(),
                      hint);
  };
  if (const auto start = config.find("init_lora_weights"); start && !keeps_base(start->value())) {
    refuse("init_lora_weights", start->value(),
           ": it may have changed the base's weights before training, and the adapter fits only "
           "those; expected true, false, \"gaussian\", \"eva\", \"orthogonal\" or \"mica\"",
           std::string("save it for the base as it was published (PEFT's save_pretrained with "
                       "path_initial_model_for_weight_conversion), or ") +
               kMergeHint);
  }
  if (const auto bias = config.find("bias"); bias && bias->value() != Json("none")) {
    refuse("bias", bias->value(), "; only \"none\" is supported", kMergeHint);
  }
  for (const auto& [key, value] : config.object().items()) {
    if (is_one_of(key, kRead) || is_one_of(key, kHarmless)) continue;
    if (is_off(value) && !(value.is_object() && is_one_of(key, kOnWhenEmpty))) continue;
    refuse(key, value, ", which may change what the adapter computes and is not supported",
           kMergeHint);
  }
}

double positive_number(const JsonNode& config, const char* key) {
  const Json& value = config.at(key).value();
  if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>())) {
    throw input_error("field \"" + std::string(key) + "\" is " + json_excerpt(value) +
                          "; expected a number above 0",
                      config.where(), "the adapter is damaged: copy it again");
  }
  return value;
}

}  // namespace

double PeftLoraInfo::scale() const {
  const auto r = static_cast<double>(rank);
  return alpha / (rank_stabilised ? std::sqrt(r) : r);
}

PeftLoraInfo read_peft_config(const Json& json, const std::string& where) {
  const JsonNode config(json, where);
  config.object();  // anything else is refused
  check_kind(config);
  check_settings(config);
  PeftLoraInfo info;
  const double rank = positive_number(config, "r");
  info.rank = static_cast<std::int64_t>(rank);
  if (static_cast<double>(info.rank) != rank || rank > 65536) {
    throw input_error("field \"r\" is " + json_excerpt(json.at("r")) + "; expected a rank", where);
  }
  info.alpha = positive_number(config, "lora_alpha");
  info.rank_stabilised = config.flag("use_rslora", false);
  config.flag("inference_mode", false);  // read for its type alone
  if (const auto base = config.find("base_model_name_or_path")) info.base_model = base->text();
  info.targets = PeftTargets::read(config);
  return info;
}

}  // namespace expandft
