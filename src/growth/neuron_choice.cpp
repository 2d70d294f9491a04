#include "growth/neuron_choice.h"

#include "base/error.h"

#include <algorithm>
#include <string>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>

namespace expandft {
namespace {

using Indices = std::vector<std::int64_t>;

Indices indices_of(const at::Tensor& tensor) {
  const at::Tensor numbers = tensor.contiguous();
  const auto* const data = numbers.const_data_ptr<std::int64_t>();
  return {data, data + numbers.numel()};
}

/// All neurons, highest score first.
Indices by_score(const at::Tensor& scores) {
  return indices_of(std::get<1>(at::sort(scores, /*stable=*/true, /*dim=*/0, /*descending=*/true)));
}

Indices first_ascending(Indices order, std::int64_t count) {
  order.resize(static_cast<std::size_t>(count));
  std::ranges::sort(order);
  return order;
}

/// Neurons that a budget buys together.
struct Unit {
  double score = 0;  // the sum over its neurons
  std::int64_t layer = 0, neurons = 0;
};

/// The number of neurons of each layer that a budget buys, best units first.
std::map<std::int64_t, std::int64_t> spread_budget(std::int64_t parameters, const DecoderSpec& spec,
                                                   const std::map<std::int64_t, at::Tensor>& scores,
                                                   const std::map<std::int64_t, Indices>& orders) {
  std::vector<Unit> units;
  for (const auto& [layer, order] : orders) {
    const at::Tensor sorted = std::get<0>(at::sort(scores.at(layer), 0, /*descending=*/true));
    const auto* const values = sorted.const_data_ptr<double>();
    const std::int64_t width = std::ssize(order), unit = neuron_unit(width);
    for (std::int64_t begin = 0; begin < width; begin += unit) {
      Unit one{.layer = layer, .neurons = std::min(unit, width - begin)};
      for (std::int64_t i = begin; i < begin + one.neurons; ++i) one.score += values[i];
      units.push_back(one);
    }
  }
  // A layer's units are in falling order already and stay so among equals.
  std::ranges::stable_sort(units, std::ranges::greater{}, &Unit::score);
  std::map<std::int64_t, std::int64_t> widths;
  std::int64_t left = parameters / neuron_parameters(spec);
  for (const Unit& one : units) {
    if (one.neurons > left) break;
    widths[one.layer] += one.neurons;
    left -= one.neurons;
  }
  return widths;
}

}  // namespace

bool chooses_neurons(const ExpansionConfig& expansion, const DecoderSpec& spec, Method method) {
  if (expansion.width.is_whole() || !expansion.chosen.empty()) return false;
  ExpansionConfig some = expansion;
  if (const auto count = expansion.layers.automatic(spec.layers)) {
    some.layers = LayerSelection::parse("last:" + std::to_string(*count), "expansion.layers");
  }
  return make_plan(some, spec, method).is_narrow();
}

void choose_neurons(ExpansionConfig& expansion, const DecoderSpec& spec, Method method,
                    const std::map<std::int64_t, at::Tensor>& scores) {
  const ExpansionPlan plan = make_plan(expansion, spec, method);
  if (!plan.is_narrow()) return;
  std::map<std::int64_t, Indices> orders;
  std::map<std::int64_t, std::int64_t> widths;
  // A budget may go to layers that an even spread leaves out.
  for (const std::int64_t layer : expansion.layers.resolve(spec.layers)) {
    orders[layer] = by_score(scores.at(layer));
    if (plan.grows(layer)) widths[layer] = plan.copied(layer, spec.width(layer));
  }
  if (expansion.width.kind == ExpansionWidth::Kind::kParameters) {
    widths = spread_budget(expansion.width.number, spec, scores, orders);
  }
  std::map<std::int64_t, Indices> chosen;
  for (const auto& [layer, count] : widths) {
    chosen[layer] = first_ascending(std::move(orders.at(layer)), count);
  }
  set_neurons(expansion, chosen);
}

void draw_neurons(ExpansionConfig& expansion, const DecoderSpec& spec, Method method,
                  std::uint64_t seed) {
  const ExpansionPlan plan = make_plan(expansion, spec, method);
  if (!plan.is_narrow()) return;
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  std::map<std::int64_t, Indices> chosen;
  for (const std::int64_t layer : plan.layers) {
    const at::Tensor order = at::randperm(spec.width(layer), generator, at::kLong);
    chosen[layer] = first_ascending(indices_of(order), plan.copied(layer, spec.width(layer)));
  }
  set_neurons(expansion, chosen);
}

void set_neurons(ExpansionConfig& expansion, const std::map<std::int64_t, Indices>& neurons) {
  Indices layers;
  expansion.chosen.clear();
  for (const auto& [layer, indices] : neurons) {
    layers.push_back(layer);
    expansion.chosen.push_back(indices);
  }
  expansion.layers = LayerSelection::parse(Json(layers), "expansion.width");
}

}  // namespace expandft
