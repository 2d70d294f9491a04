#include "checkpoint/peft_adapter.h"

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/links.h"

#include <cmath>

namespace expandft {
namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kFingerprintKey = "expandft_base_fingerprint";
constexpr const char* kPrefix = "base_model.model.";

/// Settings that change what is computed, and what they must be.
const std::pair<const char*, std::vector<Json>> kSupported[] = {
    {"bias", {"none"}},
    {"use_dora", {false}},
    {"fan_in_fan_out", {false}},
    {"lora_bias", {false}},
    {"rank_pattern", {nullptr, Json::object()}},
    {"alpha_pattern", {nullptr, Json::object()}},
    {"modules_to_save", {nullptr, Json::array()}},
    {"trainable_token_indices", {nullptr}},
    {"layer_replication", {nullptr}},
    {"megatron_config", {nullptr}},
};

double number(const Json& config, const char* key, const std::string& where) {
  const Json value = config.value(key, Json());
  if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>())) {
    throw input_error(
        "field \"" + std::string(key) + "\" is " + value.dump() + "; expected a number above 0",
        where, "the adapter is damaged: copy it again");
  }
  return value;
}

PeftLoraInfo read_peft_info(const Json& config, const std::string& where) {
  const Json type = config.is_object() ? config.value("peft_type", Json()) : Json();
  if (type != Json("LORA")) {
    throw input_error("this adapter's \"peft_type\" is " + type.dump() + "; expected \"LORA\"",
                      where, "of PEFT's adapters only LoRA is supported");
  }
  for (const auto& [key, allowed] : kSupported) {
    if (!config.contains(key)) continue;
    bool good = false;
    for (const Json& value : allowed) good = good || config.at(key) == value;
    if (good) continue;
    throw input_error("field \"" + std::string(key) + "\" is " + config.at(key).dump() + "; only " +
                          allowed.front().dump() + " is supported",
                      where, "merge this adapter with PEFT itself");
  }
  PeftLoraInfo info;
  const double rank = number(config, "r", where);
  info.rank = static_cast<std::int64_t>(rank);
  if (static_cast<double>(info.rank) != rank || rank > 65536) {
    throw input_error("field \"r\" is " + config.at("r").dump() + "; expected a rank", where);
  }
  info.alpha = number(config, "lora_alpha", where);
  info.rank_stabilised = config.value("use_rslora", Json(false)) == Json(true);
  if (const Json base = config.value("base_model_name_or_path", Json()); base.is_string()) {
    info.base_model = base;
  }
  if (const Json targets = config.value("target_modules", Json()); targets.is_array()) {
    for (const Json& target : targets) {
      if (target.is_string()) info.target_modules.push_back(target);
    }
  }
  return info;
}

/// Every A has its B, of ranks and sizes that fit together.
void check_pairs(const PeftLoraInfo& info, const std::map<std::string, TensorView>& tensors,
                 const std::string& where) {
  const auto damaged = [&](const std::string& name, const std::string& what) {
    return input_error("tensor \"" + name + "\" " + what, where,
                       "adapter_config.json and adapter_model.safetensors do not belong together");
  };
  for (const auto& [name, view] : tensors) {
    const bool is_a = name.ends_with(".lora_A.weight"), is_b = name.ends_with(".lora_B.weight");
    if (!name.starts_with(kPrefix) || (!is_a && !is_b)) {
      throw damaged(name, "is none of LoRA's");
    }
    std::string other = name;
    other.replace(name.size() - std::string("A.weight").size(), 1, is_a ? "B" : "A");
    if (!tensors.contains(other)) throw damaged(name, "has no counterpart \"" + other + "\"");
    if (view.shape.size() != 2 || view.shape[is_a ? 0 : 1] != info.rank) {
      throw damaged(name, "has the shape " + Json(view.shape).dump() + "; the rank is " +
                              std::to_string(info.rank));
    }
  }
  if (tensors.empty()) throw input_error("the adapter has no tensors", where);
}

}  // namespace

double PeftLoraInfo::scale() const {
  const auto r = static_cast<double>(rank);
  return alpha / (rank_stabilised ? std::sqrt(r) : r);
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
  adapter.info_ = read_peft_info(read_json(config), config.string());
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
                       {"target_modules", info.target_modules},
                       {"inference_mode", true}};
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  if (info.base_fingerprint) metadata[kFingerprintKey] = *info.base_fingerprint;
  write_file_atomically(directory / kConfigFile, config.dump(2) + "\n");
  write_safetensors(directory / kWeightsFile, tensors, metadata);
}

}  // namespace expandft
