#pragma once

#include "config/run_config.h"
#include "families/decoder_spec.h"
#include "growth/plan.h"

#include <cstdint>
#include <map>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Whether the neurons of a config's expansion are still to be chosen: it has a width that is not
/// all of every MLP. Of layers that are still "auto" only the number counts. Input errors of
/// make_plan.
bool chooses_neurons(const ExpansionConfig& expansion, const DecoderSpec& spec, Method method);

/// Chooses the neurons by their scores (probe_mlps), highest first, of equal ones the lower index:
/// a share or a number in each layer, and of a budget those with the highest scores of all layers,
/// in units of neuron_unit, so that a layer gets as many as it is worth and perhaps none. Replaces
/// `expansion.layers` by the layers that grow and sets `expansion.chosen`. `scores`: (p) of each
/// layer of the selection. Input errors of make_plan.
void choose_neurons(ExpansionConfig& expansion, const DecoderSpec& spec, Method method,
                    const std::map<std::int64_t, at::Tensor>& scores);

/// The same by a draw: as many in each layer, of a budget too.
void draw_neurons(ExpansionConfig& expansion, const DecoderSpec& spec, Method method,
                  std::uint64_t seed);

/// Sets neurons that were chosen before, by layer.
void set_neurons(ExpansionConfig& expansion,
                 const std::map<std::int64_t, std::vector<std::int64_t>>& neurons);

}  // namespace expandft
