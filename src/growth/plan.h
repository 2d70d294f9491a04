#pragma once

#include "config/run_config.h"
#include "families/decoder_spec.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// Which layers grow, to how many times their width, and by which method: resolved for a model.
struct ExpansionPlan {
  std::vector<std::int64_t> layers;  // ascending
  std::int64_t copies = 2;           // k, the original included
  Method method = Method::kNew;      // one that widens MLPs

  bool grows(std::int64_t layer) const { return std::ranges::binary_search(layers, layer); }
  /// Whether each added copy replaces a share of the original's output; otherwise it adds to it.
  bool shares_output() const { return method != Method::kZeroInit; }
  bool trains_originals() const { return method == Method::kMlp; }
};

/// Resolves the selection. Input errors as LayerSelection::resolve, for fewer than 2 copies, for a
/// model whose layers have different widths, and for more than one added copy with "zero-init".
ExpansionPlan make_plan(const LayerSelection& layers, std::int64_t copies, const DecoderSpec& spec,
                        Method method = Method::kNew);

/// Resolves kAuto: native if every layer grows, otherwise padded. Input error for native if only
/// some layers grow, and for deci if the model is not Llama-like.
Layout resolve_layout(Layout layout, const ExpansionPlan& plan, const DecoderSpec& spec);

/// Parameters of the decoder; a tied embedding is counted once.
std::int64_t count_parameters(const DecoderSpec& spec);
/// Those of them that embed the layers' own inputs: they stay in the file, of which rows are read.
std::int64_t layer_embedding_numbers(const DecoderSpec& spec);
/// Parameters of the added copies.
std::int64_t count_new_parameters(const ExpansionPlan& plan, const DecoderSpec& spec);
/// Parameters of the added copies, and of the originals if they train.
std::int64_t count_trained_parameters(const ExpansionPlan& plan, const DecoderSpec& spec);

/// "3 of 5 layers (0, 2, 4), 2 copies of each MLP: 66,048 new parameters, 25.3 % of the model's …".
std::string describe(const ExpansionPlan& plan, const DecoderSpec& spec);

}  // namespace expandft
