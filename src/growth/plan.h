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
  /// Narrow growth: of each layer of `layers`, how many neurons its copy has. Empty: all, in each.
  std::vector<std::int64_t> widths = {};
  /// Which ones, ascending. Empty: all, or not chosen yet; everything that only asks for sizes then
  /// works already.
  std::vector<std::vector<std::int64_t>> neurons = {};

  bool grows(std::int64_t layer) const { return std::ranges::binary_search(layers, layer); }
  bool is_narrow() const { return !widths.empty(); }
  /// Neurons of each copy in a layer that grows, whose MLP has `width`.
  std::int64_t copied(std::int64_t layer, std::int64_t width) const {
    return is_narrow() ? widths.at(place_of(layer)) : width;
  }
  /// How much wider a layer becomes, whose MLP has `width`; 0 if it does not grow.
  std::int64_t added(std::int64_t layer, std::int64_t width) const {
    return grows(layer) ? (copies - 1) * copied(layer, width) : 0;
  }
  /// The neurons that a narrow layer's copy is of. Failure while they are not chosen.
  const std::vector<std::int64_t>& neurons_of(std::int64_t layer) const;
  /// Whether each added copy replaces a share of the original's output; otherwise it adds to it.
  bool shares_output() const { return method != Method::kZeroInit; }
  bool trains_originals() const { return method == Method::kMlp; }

 private:
  std::size_t place_of(std::int64_t layer) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(layers, layer) - layers.begin());
  }
};

/// Resolves the selection, to whole MLPs. Input errors as LayerSelection::resolve, for fewer than 2
/// copies, for a model whose layers have different widths, and for more than one added copy with
/// "zero-init".
ExpansionPlan make_plan(const LayerSelection& layers, std::int64_t copies, const DecoderSpec& spec,
                        Method method = Method::kNew);

/// The same for all settings. While `expansion.chosen` is empty, a plan of chosen neurons has no
/// more than their number in each layer; a budget counts as spread evenly. Input errors also for
/// more than 2 copies with a width, for more neurons than a layer has, and for a budget of less
/// than one unit of neurons.
ExpansionPlan make_plan(const ExpansionConfig& expansion, const DecoderSpec& spec,
                        Method method = Method::kNew);

/// Shares and budgets count in units of so many neurons: 16, a tile of AMX, or 1 in a small MLP.
std::int64_t neuron_unit(std::int64_t width);

/// The intermediate_size with which every layer has at least the width that it grows to.
std::int64_t common_width(const ExpansionPlan& plan, const DecoderSpec& spec);
/// Whether each layer has just that: then the layout "native" holds the model.
bool grows_evenly(const ExpansionPlan& plan, const DecoderSpec& spec);

/// Resolves kAuto: native if every layer grows alike, otherwise padded. Input error for native if
/// they do not, and for deci if the model is not Llama-like.
Layout resolve_layout(Layout layout, const ExpansionPlan& plan, const DecoderSpec& spec);

/// Parameters of the decoder; a tied embedding is counted once.
std::int64_t count_parameters(const DecoderSpec& spec);
/// Those of them that embed the layers' own inputs: they stay in the file, of which rows are read.
std::int64_t layer_embedding_numbers(const DecoderSpec& spec);
/// Parameters of one neuron: a row of gate and up, a column of down, and biases.
std::int64_t neuron_parameters(const DecoderSpec& spec);
/// Parameters of the added copies.
std::int64_t count_new_parameters(const ExpansionPlan& plan, const DecoderSpec& spec);
/// Parameters of the added copies, and of the originals if they train.
std::int64_t count_trained_parameters(const ExpansionPlan& plan, const DecoderSpec& spec);
/// Parameters of the base that are gathered beside it, to compute what narrow copies replace.
std::int64_t count_gathered_parameters(const ExpansionPlan& plan, const DecoderSpec& spec);

/// "3 of 5 layers (0, 2, 4), 2 copies of each MLP: 66,048 new parameters, 25.3 % of the model's …",
/// "…, copies of 16 to 64 of 172 neurons of each MLP: …".
std::string describe(const ExpansionPlan& plan, const DecoderSpec& spec);

}  // namespace expandft
