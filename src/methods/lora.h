#pragma once

#include "checkpoint/model_directory.h"
#include "checkpoint/peft_adapter.h"
#include "config/training_method.h"
#include "model/adaptation.h"
#include "model/decoder.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace expandft {

/// A decoder with low-rank updates (LoRA, arXiv 2106.09685): each target projection computes
/// x·Wᵀ + s·scale·(x·Aᵀ)·Bᵀ, where s is the strength. W stays as it was.
class LoraUpdates final : public Adaptation {
 public:
  /// One projection's update; a fused projection has one for each of its parts, over the same A
  /// and B.
  struct Update {
    std::int64_t layer = 0;
    std::string module;  // its name in the checkpoint: "model.layers.0.self_attn.q_proj"
    at::Tensor a, b;     // (rank, in), (out, rank)
    std::vector<std::shared_ptr<LowRankUpdate>> parts;
  };

  /// `layers`: of the decoder.
  LoraUpdates(std::vector<Update> updates, double scale, std::int64_t layers)
      : updates_(std::move(updates)), scale_(scale), layers_(layers) {}

  /// By PEFT's names (lora_tensor_name).
  std::vector<Parameter> parameters() const override;
  void set_strength(const Strength& strength) const override;
  const std::vector<Update>& updates() const { return updates_; }
  /// The last parts of their modules' names, each once: "q_proj", …
  std::vector<std::string> target_modules() const;

 private:
  std::vector<Update> updates_;
  double scale_;
  std::int64_t layers_;
};

/// Adds updates to the targets of every layer: A uniform within ±1/√in, as PEFT draws it, seeded; B
/// zero, so that the function stays the base's bit for bit. Input error for a target that the model
/// does not have.
std::unique_ptr<LoraUpdates> add_lora(Decoder& decoder, const LoraConfig& config,
                                      std::uint64_t seed);

/// Adds the updates of a PEFT adapter, in the decoder's dtype. Input errors: a fingerprint of
/// another base (where it has one), a module that the model does not have, or other sizes.
std::unique_ptr<LoraUpdates> attach_lora(Decoder& decoder, const ModelDirectory& base,
                                         const PeftAdapter& adapter);

}  // namespace expandft
