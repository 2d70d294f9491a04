#include "methods/new_mlp_zero_init.h"

#include "growth/expansion.h"

namespace expandft {

std::unique_ptr<Adaptation> widen_mlps(Decoder& decoder, const ModelDirectory& base,
                                       const ExpansionPlan& plan, const RunConfig& run) {
  NamedTensors tensors = initial_tensors(base, decoder.spec(), plan);
  break_symmetry(tensors, plan, run.expansion.noise, run.training.seed);
  auto expansion = std::make_unique<Expansion>(
      expand(decoder, plan, tensors, at::kFloat, run.training.original_learning_rate_scale));
  base.release();  // the file pages that the copies were read from
  return expansion;
}

}  // namespace expandft
