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

/// adapter_config.json of a LoRA adapter in PEFT's format, as far as it changes what is computed.
struct PeftLoraInfo {
  std::string base_model;  // as the user named it
  std::int64_t rank = 0;
  double alpha = 0;
  bool rank_stabilised = false;  // rsLoRA (arXiv 2312.03732)
  PeftTargets targets;
  /// Of the base that it was trained on, where expandft wrote it (PEFT has no such field: it is in
  /// the tensor file's metadata).
  std::optional<std::string> base_fingerprint;

  /// What multiplies B·A: alpha / rank, or alpha / √rank when rank-stabilised.
  double scale() const;
};

/// Reads what PEFT 0.21 writes. An input error names the field that is damaged, or that asks for
/// something else than W + scale·B·A on the base as it was published: another type or task, an
/// initialisation that changed the base's weights, and every field that is not known to be harmless
/// and is not null, false or empty.
PeftLoraInfo read_peft_config(const Json& config, const std::string& where);

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
