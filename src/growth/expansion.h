#pragma once

#include "checkpoint/adapter_directory.h"
#include "growth/expanded_mlp.h"
#include "growth/plan.h"
#include "model/adaptation.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A decoder whose MLPs are expanded. Its parameters are the added copies, by copy_tensor_name,
/// and, if the plan trains them, the originals, by original_tensor_name.
class Expansion final : public Adaptation {
 public:
  /// `layers`: how many the decoder has. `original_rate_scale`: factor of the originals' learning
  /// rate.
  Expansion(ExpansionPlan plan, std::int64_t layers, std::vector<ExpandedMlp*> mlps,
            double original_rate_scale)
      : plan_(std::move(plan)),
        layers_(layers),
        mlps_(std::move(mlps)),
        original_rate_scale_(original_rate_scale) {}

  const ExpansionPlan& plan() const { return plan_; }
  void set_strength(const Strength& strength) const override;
  bool learn_strength(const at::Tensor& layers) const override;
  std::vector<Parameter> parameters() const override;

 private:
  ExpansionPlan plan_;
  std::int64_t layers_;
  std::vector<ExpandedMlp*> mlps_;  // owned by the decoder, which must outlive this
  double original_rate_scale_;
};

/// The neurons that a narrow layer's copy is of: (m), int64. Failure while they are not chosen.
at::Tensor neuron_indices(const ExpansionPlan& plan, std::int64_t layer);

/// Builds one layer's expanded MLP from the base's weights and from the tensors by name, each
/// passed through `ready`. All tensors of the plan must be present.
std::unique_ptr<ExpandedMlp> expanded_mlp(
    std::int64_t layer, const MlpWeights& base, const ExpansionPlan& plan,
    const std::map<std::string, at::Tensor>& tensors, Activation activation,
    const std::function<at::Tensor(const at::Tensor&)>& ready);

/// Expands the decoder in place with tensors by name, copied to `dtype` (fp32 masters under bf16
/// compute). With initial_tensors the function stays the same bit for bit. All tensors of the plan
/// must be present.
Expansion expand(Decoder& decoder, const ExpansionPlan& plan, const NamedTensors& tensors,
                 at::ScalarType dtype, double original_rate_scale = 1.0);

/// The tensors that an expansion starts with, mapped from the base's file or gathered from it:
/// copies equal to their originals (except that down is zero if the plan's copies add to the
/// output), and the originals if they train.
NamedTensors initial_tensors(const ModelDirectory& base, const DecoderSpec& spec,
                             const ExpansionPlan& plan);

/// Equal copies would get equal gradients and stay equal forever. If a layer has more than one
/// added copy, adds normal noise to their down, with a standard deviation of `noise` times down's
/// root mean square, that sums to zero over the layer's copies: together they compute what they did
/// before, up to rounding. `tensors` as from initial_tensors; those changed become fp32.
void break_symmetry(NamedTensors& tensors, const ExpansionPlan& plan, double noise,
                    std::uint64_t seed);

/// An adapter's tensors, mapped from its file.
NamedTensors adapter_tensors(const AdapterDirectory& adapter);

}  // namespace expandft
