#include "training/tuned_directory.h"

#include "base/error.h"
#include "expansion/merged_directory.h"
#include "model/families.h"
#include "model/tensors.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// What became of a tensor; made when its turn to be written comes.
using MakeTensor = std::function<at::Tensor()>;

/// Of the tensors of a layer that changed, by their names within the layer. Fused projections are
/// put together again.
std::map<std::string, MakeTensor> changed_tensors(const Decoder& decoder, std::int64_t index,
                                                  const ModelDirectory& base,
                                                  std::int64_t base_layer) {
  const DecoderSpec& spec = decoder.spec();
  LayerWeights layer = decoder.weights().layers.at(static_cast<std::size_t>(index));
  std::map<std::string, MakeTensor> out;
  for_each_norm(layer, spec, [&](const std::string& name, const at::Tensor& norm) {
    if (norm.requires_grad()) out[name + ".weight"] = [norm] { return norm; };
  });
  for (const Projection& projection : projections(layer, spec)) {
    const Linear& first = *projection.parts.front();
    std::vector<at::Tensor> weights, biases;
    for (const Linear* part : projection.parts) {
      weights.push_back(part->weight);
      if (part->bias.defined()) biases.push_back(part->bias);
    }
    if (first.weight.requires_grad()) {
      out[projection.name + ".weight"] = [weights] { return at::cat(weights); };
      if (!biases.empty()) out[projection.name + ".bias"] = [biases] { return at::cat(biases); };
    } else if (first.update && first.update->scale != 0) {
      const std::string name = spec.names.layer(base_layer, projection.name + ".weight");
      // Of the file's own numbers: in memory they may have been rounded.
      out[projection.name + ".weight"] = [view = base.tensor(name), update = *first.update] {
        return at::addmm(mapped_tensor(view).to(at::kFloat), update.b.to(at::kCPU, at::kFloat),
                         update.a.to(at::kCPU, at::kFloat),
                         /*beta=*/1, update.scale);
      };
    }
  }
  return out;
}

/// The tensors below and above the layers that trained, by their names.
std::map<std::string, at::Tensor> changed_ends(const Decoder& decoder) {
  const DecoderWeights& weights = decoder.weights();
  const TensorNames& names = decoder.spec().names;
  std::map<std::string, at::Tensor> out;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    if (tensor.requires_grad()) out[name] = tensor;
  };
  add(names.embedding(), weights.embedding);
  add(names.final_norm(), weights.final_norm);
  // Where a file holds a tied head too, it must stay the embedding.
  add(names.head, weights.head);
  return out;
}

std::vector<TensorSource> tuned_tensors(const ModelDirectory& base, const Decoder& decoder,
                                        const std::vector<LayerOrigin>& layers) {
  const TensorNames& names = decoder.spec().names;
  const std::string in_layers = names.layer(0, "").substr(0, names.body.size() + 7);  // "layers."
  std::vector<TensorSource> out;
  const std::map<std::string, at::Tensor> ends = changed_ends(decoder);
  for (const auto& [name, view] : base.tensors()) {
    if (name.starts_with(in_layers)) continue;
    const auto found = ends.find(name);
    out.push_back(found == ends.end() ? source_of(name, view)
                                      : source_of(name, found->second, view.dtype));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const std::string prefix = names.layer(layers[i].layer, "");
    const std::map<std::string, MakeTensor> changed =
        changed_tensors(decoder, index, base, layers[i].layer);
    for (const auto& [name, view] : base.tensors()) {
      if (!name.starts_with(prefix)) continue;
      const std::string part = name.substr(prefix.size()), new_name = names.layer(index, part);
      const auto found = changed.find(part);
      if (found == changed.end()) {
        out.push_back(source_of(new_name, view));
        continue;
      }
      const auto fill = [make = found->second, view](std::span<std::byte> bytes) {
        copy_into(bytes, make(), view.dtype);
      };
      out.push_back({new_name, view.dtype, view.shape, fill, view});
    }
  }
  return out;
}

/// config.json of a model whose layers come from `layers`.
Json tuned_config(const Json& base, const DecoderSpec& spec,
                  const std::vector<LayerOrigin>& layers) {
  Json config = base;
  Json& decoder = decoder_config(config);
  if (std::ranges::none_of(layers, &LayerOrigin::is_added)) return config;
  decoder["num_hidden_layers"] = layers.size();
  if (spec.attention_kinds.size() > 1 || decoder.contains("layer_types")) {
    Json types = Json::array();
    for (std::int64_t i = 0; i < spec.layers; ++i) {
      types.push_back(spec.attention(i).window ? "sliding_attention" : "full_attention");
    }
    decoder["layer_types"] = types;
    // The rule that would say otherwise.
    decoder.erase("sliding_window_pattern");
    decoder.erase("_sliding_window_pattern");
  }
  return config;
}

}  // namespace

std::uint64_t tuned_bytes(const ModelDirectory& base, const std::vector<LayerOrigin>& layers) {
  const auto added = std::ranges::count_if(layers, &LayerOrigin::is_added);
  const auto own = std::max<std::size_t>(1, layers.size() - static_cast<std::size_t>(added));
  // At most: as if the base were nothing but layers.
  return base.weight_bytes() + base.weight_bytes() * static_cast<std::uint64_t>(added) / own +
         (1 << 20);
}

void write_tuned(const fs::path& directory, const ModelDirectory& base, const Decoder& decoder,
                 const std::vector<LayerOrigin>& layers, const std::string& card) {
  const c10::NoGradGuard no_grad;
  write_sharded_safetensors(directory, tuned_tensors(base, decoder, layers), kMaxShardBytes);
  base.copy_companions(directory);
  write_file_atomically(directory / "config.json",
                        tuned_config(base.config(), decoder.spec(), layers).dump(2) + "\n");
  write_file_atomically(directory / "README.md", card);
}

LogitDifference check_tuned(const fs::path& written, const Decoder& decoder, Dtype dtype) {
  const ModelDirectory files = ModelDirectory::open(written);
  const StreamedDecoder tuned(files, at::kFloat, decoder.device());
  const TokenTensors probe = probe_tokens(decoder.spec(), decoder.device());
  const at::Tensor logits = probe_logits(decoder, probe).to(at::kFloat);
  const LogitDifference difference = compare_logits(
      tuned, tuned.hidden(probe),
      [&](std::int64_t begin, std::int64_t count) { return logits.narrow(1, begin, count); });
  const double rounding = std::max(rounding_of(dtype), rounding_of(dtype_of(decoder.dtype())));
  // Twice what healthy float16 runs of LoRA reach, whose merged weights are rounded once more.
  const double tolerance = std::max(difference.scale, 1.0) * (1e-4 + 16 * rounding);
  if (!std::isfinite(difference.worst) || difference.worst > tolerance) {
    throw failure(fmt::format("the written model does not compute what was trained: logits differ "
                              "by up to {:.3g}; allowed are {:.3g} (largest logit {:.3g})",
                              difference.worst, tolerance, difference.scale),
                  written.string(),
                  "nothing was written; check that the weights are finite, then report this");
  }
  return difference;
}

}  // namespace expandft
