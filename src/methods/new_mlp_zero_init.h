#pragma once

#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "growth/plan.h"
#include "model/adaptation.h"
#include "model/decoder.h"

#include <memory>

namespace expandft {

/// new, mlp and zero-init: the MLPs of the plan's layers are widened with copies of themselves.
/// - new: only the copies train (arXiv 2603.08647, G-Freeze).
/// - mlp: copies and originals train (arXiv 2603.08647, G-Train), the originals at the learning
///   rate times training.original_learning_rate_scale.
/// - zero-init: one copy trains, whose down_proj begins at zero; its output is added.
/// The plan says which (ExpansionPlan::method). Several copies, which are equal at first, get
/// zero-sum noise (break_symmetry).
std::unique_ptr<Adaptation> widen_mlps(Decoder& decoder, const ModelDirectory& base,
                                       const ExpansionPlan& plan, const RunConfig& run);

}  // namespace expandft
