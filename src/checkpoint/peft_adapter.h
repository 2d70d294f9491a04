#pragma once

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/peft_targets.h"
#include "checkpoint/safetensors.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// adapter_config.json of a LoRA adapter of PEFT: the fields that affect what it computes.
struct PeftLoraInfo {
  std::string base_model;  // as the user named it
  std::int64_t rank = 0;
  double alpha = 0;
  bool rank_stabilised = false;  // rsLoRA (arXiv 2312.03732)
  PeftTargets targets;
  /// The fingerprint of the base, if expandft wrote the adapter (in the metadata of the tensor
  /// file, since PEFT has no such field).
  std::optional<std::string> base_fingerprint;

  /// The factor of B·A: alpha / rank, or alpha / √rank when rank-stabilised.
  double scale() const;
};

/// Reads configs of PEFT 0.21. Input errors name the field: one that is damaged, or that means
/// something other than W + scale·B·A on the published base. That is another type or task, an
/// initialisation that changed the base's weights, and any unknown field that is not null, false or
/// empty.
PeftLoraInfo read_peft_config(const Json& config, const std::string& where);

/// A directory with a LoRA adapter of PEFT. Its tensors are named
/// base_model.model.{module}.lora_A.weight (rank, in) and .lora_B.weight (out, rank).
class PeftAdapter {
 public:
  /// Input errors as read_peft_config, and for tensors without a counterpart or that do not match
  /// the config.
  static PeftAdapter open(const fs::path& directory);

  const fs::path& path() const { return path_; }
  const PeftLoraInfo& info() const { return info_; }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }

 private:
  fs::path path_;
  PeftLoraInfo info_;
  std::map<std::string, TensorView> tensors_;
};

/// Whether the directory holds an adapter of PEFT; false if it holds no adapter. Input error if its
/// adapter_config.json cannot be read.
bool is_peft_adapter(const fs::path& directory);

/// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" from the module's name in the
/// checkpoint and "A" or "B".
std::string lora_tensor_name(const std::string& module, const std::string& matrix);

/// Writes both files into an existing directory.
void write_peft_adapter(const fs::path& directory, const PeftLoraInfo& info,
                        const std::vector<TensorSource>& tensors);

}  // namespace expandft
