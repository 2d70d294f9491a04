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

/// lora (LoRA, arXiv 2106.09685): each target projection of the decoder computes
/// x·Wᵀ + s·scale·(x·Aᵀ)·Bᵀ, where s is the strength. Only A and B train.
class LoraUpdates final : public Adaptation {
 public:
  /// The update of one projection. A fused projection has one LowRankUpdate for each of its parts,
  /// which all use the same A and B.
  struct Update {
    std::int64_t layer = 0;
    std::string module;  // its name in the checkpoint: "model.layers.0.self_attn.q_proj"
    at::Tensor a, b;     // (rank, in), (out, rank)
    std::vector<std::shared_ptr<LowRankUpdate>> parts;
  };

  /// `layers`: how many the decoder has.
  LoraUpdates(std::vector<Update> updates, double scale, std::int64_t layers)
      : updates_(std::move(updates)), scale_(scale), layers_(layers) {}

  /// Named as in PEFT (lora_tensor_name).
  std::vector<Parameter> parameters() const override;
  void set_strength(const Strength& strength) const override;
  bool learn_strength(const at::Tensor& layers) const override;
  const std::vector<Update>& updates() const { return updates_; }
  /// The last part of each module's name, without repetition: "q_proj", …
  std::vector<std::string> target_modules() const;

 private:
  std::vector<Update> updates_;
  double scale_;
  std::int64_t layers_;
};

/// Adds updates to the targets in every layer. A is drawn with the seed, uniformly within ±1/√in as
/// PEFT does; B is zero, so that the output stays the base's bit for bit. Input error for a target
/// that the model does not have.
std::unique_ptr<LoraUpdates> add_lora(Decoder& decoder, const LoraConfig& config,
                                      std::uint64_t seed);

/// Adds the updates of a PEFT adapter, in the decoder's dtype. Input errors: the adapter has a
/// fingerprint of another base, a module that the model does not have, or other sizes.
std::unique_ptr<LoraUpdates> attach_lora(Decoder& decoder, const ModelDirectory& base,
                                         const PeftAdapter& adapter);

}  // namespace expandft
