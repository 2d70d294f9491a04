#pragma once

#include "base/json.h"
#include "checkpoint/peft_targets.h"

#include <cstdint>
#include <optional>
#include <string>

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

}  // namespace expandft
