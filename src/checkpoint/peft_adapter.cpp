#include "checkpoint/peft_adapter.h"

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/links.h"

#include <string_view>

namespace expandft {
namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kFingerprintKey = "expandft_base_fingerprint";
constexpr const char* kPrefix = "base_model.model.";

/// Every A has its B, of ranks and sizes that fit together, and the config has them updated.
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
      throw damaged(name, "is none of LoRA's");
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
      throw damaged(name, "is of a module that the config's \"" + *field + "\" leaves out");
    }
  }
  if (tensors.empty()) throw input_error("the adapter has no tensors", where);
}

}  // namespace

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
