#pragma once

#include "checkpoint/adapter_directory.h"
#include "expansion/expanded_mlp.h"
#include "expansion/plan.h"
#include "model/decoder.h"

#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// The copies of an expansion by tensor name (copy_tensor_name), in the order of layers and copies.
using CopyTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The handle of an expanded decoder: sets its strength and reaches its copies.
class Expansion {
 public:
  Expansion(ExpansionPlan plan, std::vector<ExpandedMlp*> mlps)
      : plan_(std::move(plan)), mlps_(std::move(mlps)) {}

  const ExpansionPlan& plan() const { return plan_; }
  void set_strength(double strength);
  /// The live tensors: training changes them in place.
  CopyTensors copies() const;

 private:
  ExpansionPlan plan_;
  std::vector<ExpandedMlp*> mlps_;  // owned by the decoder, which must outlive this
};

/// Expands the decoder in place; each copy starts as its original, in `copy_dtype` (fp32 masters
/// under bf16 compute). The function stays the same bit for bit.
Expansion expand(Decoder& decoder, const ExpansionPlan& plan, at::ScalarType copy_dtype);

/// Expands the decoder with copies given by name, cast to its dtype. All that the plan asks for
/// must be there, as an opened AdapterDirectory has made sure.
Expansion attach(Decoder& decoder, const ExpansionPlan& plan, const CopyTensors& copies);

/// An adapter's copies, mapped from its file.
CopyTensors adapter_copies(const AdapterDirectory& adapter);

}  // namespace expandft
