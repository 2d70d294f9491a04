#include "checkpoint/peft_adapter.h"

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/links.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace expandft {
namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kFingerprintKey = "expandft_base_fingerprint";
constexpr const char* kPrefix = "base_model.model.";

/// Checks that every A has a B of the same rank, and that the config updates their modules.
void check_pairs(const PeftLoraInfo& info, const std::map<std::string, TensorView>& tensors,
                 const std::string& where) {
  constexpr std::string_view prefix = kPrefix, suffix = ".lora_A.weight";
  const auto damaged = [&](const std::string& name, const std::string& what) {
    return input_error("tensor \"" + name + "\" " + what, where,
                       "adapter_config.json and adapter_model.safetensors do not belong together");
  };
  for (const auto& [name, view] : tensors) {
    const bool is_a = name.ends_with(".lora_A.weight"), is_b = name.ends_with(".lora_B.weight");
    if (!name.starts_with(prefix) || (!is_a && !is_b)) {
      throw damaged(name, "is not a tensor of LoRA");
    }
    std::string other = name;
    other.replace(name.size() - std::string("A.weight").size(), 1, is_a ? "B" : "A");
    if (!tensors.contains(other)) throw damaged(name, "has no counterpart \"" + other + "\"");
    if (view.shape.size() != 2 || view.shape[is_a ? 0 : 1] != info.rank) {
      throw damaged(name, "has the shape " + Json(view.shape).dump() + "; the rank is " +
                              std::to_string(info.rank));
    }
    const std::string module =
        name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (const auto field = info.targets.left_out_by(module)) {
      throw damaged(name, "belongs to a module that the config's \"" + *field + "\" excludes");
    }
  }
  if (tensors.empty()) throw input_error("the adapter has no tensors", where);
}

constexpr const char* kMergeHint =
    "merge it with PEFT (model.merge_and_unload()) and use the merged model";

/// Fields that are read below.
constexpr std::array kRead{"peft_type",         "task_type",      "r",
                           "lora_alpha",        "use_rslora",     "base_model_name_or_path",
                           "init_lora_weights", "bias",           "target_modules",
                           "exclude_modules",   "inference_mode", "layers_to_transform",
                           "layers_pattern"};

/// Fields that do not affect what a trained adapter computes.
constexpr std::array kHarmless{
    "auto_mapping",
    "peft_version",
    "revision",
    "lora_dropout",
    "runtime_config",
    // How A and B were initialised; init_lora_weights says whether that changed the base.
    "loftq_config",
    "eva_config",
    "corda_config",
    "lora_ga_config",
    // Affects gradients only.
    "velora_config",
    // Without effect unless megatron_config or use_qalora is set.
    "megatron_core",
    "qalora_group_size",
};

/// Variants whose settings all have defaults: even an empty object enables them.
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

/// Whether the initialisation changed only A and B, so that the base is the published one.
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
                      config.where(), "only adapters of causal language models are supported");
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
  config.object();  // refuses anything else
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

std::string lora_tensor_name(const std::string& module, const std::string& matrix) {
  return kPrefix + module + ".lora_" + matrix + ".weight";
}

bool is_peft_adapter(const fs::path& directory) {
  const fs::path config = directory / kConfigFile;
  if (!is_file(config)) return false;
  const Json json = read_json(config);
  return json.is_object() && json.contains("peft_type");
}

PeftAdapter PeftAdapter::open(const fs::path& directory) {
  check_links(directory);
  PeftAdapter adapter;
  adapter.path_ = directory;
  const fs::path config = directory / kConfigFile, weights = directory / kWeightsFile;
  adapter.info_ = read_peft_config(read_json(config), config.string());
  const SafetensorsFile file = SafetensorsFile::open(weights);
  adapter.tensors_ = file.tensors();
  if (const auto found = file.metadata().find(kFingerprintKey); found != file.metadata().end()) {
    adapter.info_.base_fingerprint = found->second;
  }
  check_pairs(adapter.info_, adapter.tensors_, weights.string());
  return adapter;
}

void write_peft_adapter(const fs::path& directory, const PeftLoraInfo& info,
                        const std::vector<TensorSource>& tensors) {
  const Json config = {{"peft_type", "LORA"},
                       {"task_type", "CAUSAL_LM"},
                       {"base_model_name_or_path", info.base_model},
                       {"r", info.rank},
                       {"lora_alpha", info.alpha},
                       {"lora_dropout", 0.0},
                       {"use_rslora", info.rank_stabilised},
                       {"bias", "none"},
                       {"fan_in_fan_out", false},
                       {"target_modules", info.targets.stated()},
                       {"inference_mode", true}};
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  if (info.base_fingerprint) metadata[kFingerprintKey] = *info.base_fingerprint;
  write_file_atomically(directory / kConfigFile, config.dump(2) + "\n");
  write_safetensors(directory / kWeightsFile, tensors, metadata);
}

}  // namespace expandft
