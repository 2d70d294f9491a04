#pragma once

#include "base/files.h"
#include "checkpoint/peft_config.h"
#include "checkpoint/safetensors.h"

#include <map>
#include <string>
#include <vector>

namespace expandft {

/// A LoRA adapter directory of PEFT: its tensors are named
/// base_model.model.{module}.lora_A.weight (rank, in) and .lora_B.weight (out, rank).
class PeftAdapter {
 public:
  /// Input errors as read_peft_config's, and for tensors that do not pair or do not fit the config.
  static PeftAdapter open(const fs::path& directory);

  const fs::path& path() const { return path_; }
  const PeftLoraInfo& info() const { return info_; }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }

 private:
  fs::path path_;
  PeftLoraInfo info_;
  std::map<std::string, TensorView> tensors_;
};

/// Whether the directory holds an adapter of PEFT. False too for what is no adapter; input error
/// where its adapter_config.json cannot be read.
bool is_peft_adapter(const fs::path& directory);

/// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" from the module's name in the
/// checkpoint and "A" or "B".
std::string lora_tensor_name(const std::string& module, const std::string& matrix);

/// Writes both files into a directory that is there.
void write_peft_adapter(const fs::path& directory, const PeftLoraInfo& info,
                        const std::vector<TensorSource>& tensors);

}  // namespace expandft
