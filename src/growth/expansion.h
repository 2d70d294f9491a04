#pragma once

#include "checkpoint/adapter_directory.h"
#include "growth/expanded_mlp.h"
#include "growth/plan.h"
#include "model/adaptation.h"
#include "model/decoder.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// The handle of a decoder with expanded MLPs: what trains are copies, by copy_tensor_name, and,
/// where the plan says so, originals, by original_tensor_name.
class Expansion final : public Adaptation {
 public:
  /// `layers`: of the decoder. `original_rate_scale`: of the originals' learning rate.
  Expansion(ExpansionPlan plan, std::int64_t layers, std::vector<ExpandedMlp*> mlps,
            double original_rate_scale)
      : plan_(std::move(plan)),
        layers_(layers),
        mlps_(std::move(mlps)),
        original_rate_scale_(original_rate_scale) {}

  const ExpansionPlan& plan() const { return plan_; }
  void set_strength(const Strength& strength) const override;
  std::vector<Parameter> parameters() const override;

 private:
  ExpansionPlan plan_;
  std::int64_t layers_;
  std::vector<ExpandedMlp*> mlps_;  // owned by the decoder, which must outlive this
  double original_rate_scale_;
};

/// One layer's expanded MLP: the base's weights, and what trains found by name, each as `ready`
/// makes it of what is found. All that the plan asks for must be there.
std::unique_ptr<ExpandedMlp> expanded_mlp(
    std::int64_t layer, const MlpWeights& base, const ExpansionPlan& plan,
    const std::map<std::string, at::Tensor>& tensors, Activation activation,
    const std::function<at::Tensor(const at::Tensor&)>& ready);

/// Expands the decoder in place with tensors given by name, which are copied in `dtype` (fp32
/// masters under bf16 compute). With those of initial_tensors the function stays the same bit for
/// bit. All that the plan asks for must be there.
Expansion expand(Decoder& decoder, const ExpansionPlan& plan, const NamedTensors& tensors,
                 at::ScalarType dtype, double original_rate_scale = 1.0);

/// What an expansion begins with, mapped from the base's file: copies that equal their originals
/// (with a down of zero where the plan's copies add to the output), and the originals that train.
NamedTensors initial_tensors(const ModelDirectory& base, const DecoderSpec& spec,
                             const ExpansionPlan& plan);
/// An adapter's tensors, mapped from its file.
NamedTensors adapter_tensors(const AdapterDirectory& adapter);

}  // namespace expandft
