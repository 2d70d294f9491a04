#include "methods/lora.h"

#include "base/error.h"
#include "model/tensors.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

#include <ATen/CPUGeneratorImpl.h>

namespace expandft {
namespace {

/// Makes A and B for a projection, given its name in the checkpoint; nothing: it has no update.
using MakePair = std::function<std::optional<std::pair<at::Tensor, at::Tensor>>(
    const std::string& module, const Projection& projection)>;

std::vector<LoraUpdates::Update> add_updates(Decoder& decoder, double scale, const MakePair& make) {
  std::vector<LoraUpdates::Update> updates;
  for (std::int64_t i = 0; i < decoder.spec().layers; ++i) {
    LayerWeights layer = decoder.weights().layers[static_cast<std::size_t>(i)];
    for (const Projection& projection : projections(layer, decoder.spec())) {
      const std::string module = decoder.spec().names.layer(i, projection.name);
      const auto pair = make(module, projection);
      if (!pair) continue;
      LoraUpdates::Update& update =
          updates.emplace_back(LoraUpdates::Update{i, module, pair->first, pair->second, {}});
      std::int64_t row = 0;
      for (Linear* part : projection.parts) {
        part->update =
            std::make_shared<LowRankUpdate>(LowRankUpdate{pair->first, pair->second, scale, row});
        update.parts.push_back(part->update);
        row += part->weight.size(0);
      }
    }
    decoder.replace_layer(i, std::move(layer));
  }
  return updates;
}

std::string short_name(const std::string& projection) {
  return projection.substr(projection.rfind('.') + 1);
}

void check_targets(Decoder& decoder, const std::vector<std::string>& targets) {
  LayerWeights first = decoder.weights().layers.front();
  std::set<std::string> known;
  std::string list;
  for (const Projection& projection : projections(first, decoder.spec())) {
    known.insert(short_name(projection.name));
    list += (list.empty() ? "" : ", ") + short_name(projection.name);
  }
  for (const std::string& target : targets) {
    if (target == "all" || known.contains(target)) continue;
    throw input_error("this model has no projection \"" + target + "\"", "lora.targets",
                      "it has " + list);
  }
}

}  // namespace

std::vector<Parameter> LoraUpdates::parameters() const {
  std::vector<Parameter> out;
  for (const Update& update : updates_) {
    out.push_back({lora_tensor_name(update.module, "A"), update.a});
    out.push_back({lora_tensor_name(update.module, "B"), update.b});
  }
  return out;
}

std::vector<std::string> LoraUpdates::target_modules() const {
  std::vector<std::string> out;
  for (const Update& update : updates_) {
    const std::string name = short_name(update.module);
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  }
  return out;
}

void LoraUpdates::set_strength(const Strength& strength) const {
  for (const Update& update : updates_) {
    const double scale = strength.at(update.layer, layers_) * scale_;
    for (const auto& part : update.parts) {
      part->scale = scale;
      part->factor = at::Tensor();
    }
  }
}

bool LoraUpdates::learn_strength(const at::Tensor& layers) const {
  for (const Update& update : updates_) {
    for (const auto& part : update.parts) {
      part->scale = scale_;
      part->factor = layers.select(0, update.layer);
    }
  }
  return true;
}

std::unique_ptr<LoraUpdates> add_lora(Decoder& decoder, const LoraConfig& config,
                                      std::uint64_t seed) {
  check_targets(decoder, config.targets);
  const double scale = config.alpha / static_cast<double>(config.rank);
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto options = at::TensorOptions().dtype(at::kFloat);
  auto updates = add_updates(
      decoder, scale,
      [&](const std::string&,
          const Projection& projection) -> std::optional<std::pair<at::Tensor, at::Tensor>> {
        const auto is_it = [&](const std::string& target) {
          return target == "all" || target == short_name(projection.name);
        };
        if (std::ranges::none_of(config.targets, is_it)) return {};
        const double bound = 1 / std::sqrt(static_cast<double>(projection.in()));
        const at::Tensor a = at::rand({config.rank, projection.in()}, generator, options)
                                 .mul_(2 * bound)
                                 .sub_(bound);
        return std::pair(a.to(decoder.device()), at::zeros({projection.out(), config.rank},
                                                           options.device(decoder.device())));
      });
  return std::make_unique<LoraUpdates>(std::move(updates), scale, decoder.spec().layers);
}

std::unique_ptr<LoraUpdates> attach_lora(Decoder& decoder, const ModelDirectory& base,
                                         const PeftAdapter& adapter) {
  const PeftLoraInfo& info = adapter.info();
  const std::string where = adapter.path().string() + " on " + base.path().string();
  if (info.base_fingerprint && *info.base_fingerprint != base.fingerprint()) {
    throw input_error("the adapter was trained on another base: its fingerprint is " +
                          *info.base_fingerprint + ", the model's is " + base.fingerprint(),
                      where, "give the base it was trained on: " + info.base_model);
  }
  std::set<std::string> used;
  auto updates = add_updates(
      decoder, info.scale(),
      [&](const std::string& module,
          const Projection& projection) -> std::optional<std::pair<at::Tensor, at::Tensor>> {
        const std::string a = lora_tensor_name(module, "A"), b = lora_tensor_name(module, "B");
        if (!adapter.tensors().contains(a)) {
          if (info.targets.left_out_by(module)) return {};
          throw input_error(
              "the adapter's \"target_modules\" include \"" + module +
                  "\", but it has no tensors for it",
              where,
              "the adapter is damaged, or it was trained on another base: " + info.base_model);
        }
        const TensorView &first = adapter.tensors().at(a), &second = adapter.tensors().at(b);
        if (first.shape[1] != projection.in() || second.shape[0] != projection.out()) {
          throw input_error("the update of \"" + module + "\" is for a projection of " +
                                std::to_string(first.shape[1]) + " to " +
                                std::to_string(second.shape[0]) + "; the model's is of " +
                                std::to_string(projection.in()) + " to " +
                                std::to_string(projection.out()),
                            where, "give the base it was trained on: " + info.base_model);
        }
        used.insert({a, b});
        const auto ready = [&](const TensorView& view) {
          return mapped_tensor(view).to(decoder.device(), decoder.dtype());
        };
        return std::pair(ready(first), ready(second));
      });
  for (const auto& [name, view] : adapter.tensors()) {
    if (used.contains(name)) continue;
    throw input_error("the adapter's tensor \"" + name + "\" belongs to no projection of the model",
                      where, "give the base it was trained on: " + info.base_model);
  }
  return std::make_unique<LoraUpdates>(std::move(updates), info.scale(), decoder.spec().layers);
}

}  // namespace expandft
