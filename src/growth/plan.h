#pragma once

#include "config/run_config.h"
#include "families/decoder_spec.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// Which layers grow, to how many times their width, and how: resolved against a model.
struct ExpansionPlan {
  std::vector<std::int64_t> layers;  // ascending
  std::int64_t copies = 2;           // k, the original included
  Method method = Method::kNew;      // one that widens MLPs

  bool grows(std::int64_t layer) const { return std::ranges::binary_search(layers, layer); }
  /// Whether the copies take over a share of the original's output. Else they add to all of it.
  bool shares_output() const { return method != Method::kZeroInit; }
  bool trains_originals() const { return method == Method::kMlp; }
};

/// Resolves the selection; input errors as LayerSelection::resolve, for a model whose layers have
/// different widths, and for more than one copy beside the original that begins at zero.
ExpansionPlan make_plan(const LayerSelection& layers, std::int64_t copies, const DecoderSpec& spec,
                        Method method = Method::kNew);

/// kAuto as what it stands for: native when every layer grows, else padded. Input error when native
/// was asked for and only some layers grow, or deci for a model that is not Llama-like.
Layout resolve_layout(Layout layout, const ExpansionPlan& plan, const DecoderSpec& spec);
std::string layout_name(Layout layout);

/// Parameters of the decoder, embedding counted once when tied.
std::int64_t count_parameters(const DecoderSpec& spec);
/// Parameters that the copies add.
std::int64_t count_new_parameters(const ExpansionPlan& plan, const DecoderSpec& spec);
/// The same, and the originals where they train.
std::int64_t count_trained_parameters(const ExpansionPlan& plan, const DecoderSpec& spec);

/// "3 of 5 layers (0, 2, 4) × 2: 66,048 new parameters, 25.3 % of the model".
std::string describe(const ExpansionPlan& plan, const DecoderSpec& spec);

}  // namespace expandft
