#pragma once

#include "checkpoint/adapter_directory.h"
#include "expansion/expanded_mlp.h"
#include "expansion/plan.h"
#include "model/decoder.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// The copies of an expansion by tensor name (copy_tensor_name).
using CopyTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The handle of an expanded decoder: sets its strength and reaches its copies.
class Expansion {
 public:
  Expansion(ExpansionPlan plan, std::vector<ExpandedMlp*> mlps)
      : plan_(std::move(plan)), mlps_(std::move(mlps)) {}

  const ExpansionPlan& plan() const { return plan_; }
  void set_strength(double strength) const;
  /// The live tensors: training changes them in place.
  CopyTensors copies() const;

 private:
  ExpansionPlan plan_;
  std::vector<ExpandedMlp*> mlps_;  // owned by the decoder, which must outlive this
};

/// One layer's expanded MLP: the base's weights, and copies found by name, each as `ready` makes it
/// of what is found. All that the plan asks for must be there.
std::unique_ptr<ExpandedMlp> expanded_mlp(
    std::int64_t layer, const MlpWeights& base, const ExpansionPlan& plan,
    const std::map<std::string, at::Tensor>& copies, Activation activation,
    const std::function<at::Tensor(const at::Tensor&)>& ready);

/// Expands the decoder in place with copies given by name, which are copied in `copy_dtype` (fp32
/// masters under bf16 compute). With copies that equal the originals the function stays the same
/// bit for bit. All that the plan asks for must be there.
Expansion expand(Decoder& decoder, const ExpansionPlan& plan, const CopyTensors& copies,
                 at::ScalarType copy_dtype);

/// Copies that equal their originals, mapped from the base's file.
CopyTensors original_copies(const ModelDirectory& base, const DecoderSpec& spec,
                            const ExpansionPlan& plan);
/// An adapter's copies, mapped from its file.
CopyTensors adapter_copies(const AdapterDirectory& adapter);

}  // namespace expandft
