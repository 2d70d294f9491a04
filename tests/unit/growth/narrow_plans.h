#pragma once

#include "families/decoder_spec.h"
#include "growth/plan.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace expandft {

/// A plan that copies every third neuron of the layers, and one more in each layer than in the one
/// before, so that no two are alike.
inline ExpansionPlan narrow_plan(const DecoderSpec& spec, std::vector<std::int64_t> layers,
                                 Method method = Method::kNew) {
  ExpansionPlan plan{std::move(layers), 2, method};
  std::int64_t more = 0;
  for (const std::int64_t layer : plan.layers) {
    std::vector<std::int64_t> neurons;
    for (std::int64_t i = 1; i < spec.width(layer); i += 3) neurons.push_back(i);
    for (std::int64_t i = 0; i < more; ++i) neurons.push_back(3 * i);
    std::ranges::sort(neurons);
    plan.widths.push_back(std::ssize(neurons));
    plan.neurons.push_back(std::move(neurons));
    ++more;
  }
  return plan;
}

/// The same with as many neurons in each layer.
inline ExpansionPlan even_plan(const DecoderSpec& spec, std::int64_t count,
                               Method method = Method::kNew) {
  ExpansionPlan plan{{}, 2, method};
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const std::int64_t of = count * (spec.width(layer) / spec.intermediate);
    std::vector<std::int64_t> neurons;
    for (std::int64_t i = 0; i < of; ++i) neurons.push_back(spec.width(layer) - 1 - 2 * i);
    std::ranges::sort(neurons);
    plan.layers.push_back(layer);
    plan.widths.push_back(of);
    plan.neurons.push_back(std::move(neurons));
  }
  return plan;
}

}  // namespace expandft
