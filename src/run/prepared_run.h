#pragma once

#include "base/notice.h"
#include "config/run_config.h"
#include "export/fold.h"
#include "growth/layer_ranking.h"
#include "methods/method.h"
#include "model/decoder.h"
#include "run/process_options.h"
#include "run/run_base.h"
#include "run/run_data.h"
#include "runtime/rank_group.h"
#include "training/automatic.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// The model that a run trains: the base's weights, and what its method adds to them.
struct RunModel {
  Decoder decoder;
  AppliedMethod method;
  std::optional<Folding> folding;        // of the merged model, where MLPs are widened
  std::vector<LayerScore> ranking = {};  // of all layers, where {"auto": N} chose some

  const Adaptation& adaptation() const { return *method.adaptation; }
  /// Whether what trains can be written apart from the base. Methods that change the base's own
  /// weights, or add layers, give a merged model only.
  bool has_adapter() const { return folding || method.lora != nullptr; }
};

/// A run before its first step: all that it reads is loaded and checked.
struct PreparedRun {
  ResolvedConfig config;  // with what "auto" stands for, in config.run.expansion.layers too
  RunBase base;
  RunData data;  // retention that the base writes itself comes later (add_self_written_text)
  RunModel model;
  Notices notices = {};                       // of config, base and data
  std::vector<AutomaticChoice> choices = {};  // of training settings that are "auto"

  /// "3 of 5 layers (0, 2, 4), 2 copies of each MLP: 66,048 new parameters, …"
  std::string plan() const { return describe(model.method, config.run, base.spec); }
};

/// Loads and checks what a run reads. Cheap checks come first: a long load should not end in a
/// misspelt path. `resume`: what "auto" chose for the run stays chosen. `caches_ids`: whether token
/// ids may be read from the cache and written to it.
PreparedRun prepare_run(ResolvedConfig config, const ProcessOptions& options, bool resume = false,
                        const RankGroup& group = RankGroup::alone(), bool caches_ids = true);

/// The size of the merged model's weights: "1.9 GB (padded: 0.6 GB of zeros)".
std::string merged_size(const RunConfig& run, const RunBase& base, const RunModel& model);

/// Ranks all layers on the beginning of the run's training data, as {"auto": N} does. Loads only
/// the model and that data.
std::vector<LayerScore> rank_layers_of(RunConfig run, const ProcessOptions& options);

}  // namespace expandft
