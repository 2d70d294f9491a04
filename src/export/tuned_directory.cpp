#include "export/tuned_directory.h"

#include "base/error.h"
#include "checkpoint/model_info.h"
#include "config/hub_cache.h"
#include "export/merged_directory.h"
#include "families/model_config.h"
#include "families/tensor_names.h"
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

/// All tensors that changed, by their names in the written model.
std::map<std::string, MakeTensor> all_changed(const ModelDirectory& base, const Decoder& decoder,
                                              const std::vector<LayerOrigin>& layers) {
  std::map<std::string, MakeTensor> out;
  for (const auto& [name, tensor] : changed_ends(decoder)) {
    out[name] = [tensor = tensor] { return tensor; };
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    for (auto& [part, make] : changed_tensors(decoder, index, base, layers[i].layer)) {
      out[decoder.spec().names.layer(index, part)] = make;
    }
  }
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

/// Failure when logits differ by more than is allowed.
void check_difference(double worst, double allowed, double scale, const char* when,
                      const fs::path& written) {
  if (std::isfinite(worst) && worst <= allowed) return;
  throw failure(fmt::format("the written model does not compute what was trained{}: logits differ "
                            "by up to {:.3g}; allowed are {:.3g} (largest logit {:.3g})",
                            when, worst, allowed, scale),
                written.string(),
                "nothing was written; check that the weights are finite, then report this");
}

/// Why a model of the dtype `stored` computes something else than one in memory.
std::string rounding_causes(Dtype stored, Dtype computed) {
  std::string text = fmt::format("rounding of the weights to {}", config_name(stored));
  if (computed != Dtype::kF32) text += fmt::format(" and computing in {}", config_name(computed));
  return text;
}

}  // namespace

std::uint64_t tuned_weight_bytes(const ModelDirectory& base,
                                 const std::vector<LayerOrigin>& layers) {
  const TensorNames names = find_tensor_names(base);
  std::uint64_t bytes = base.weight_bytes();
  for (const LayerOrigin& origin : layers) {
    if (!origin.is_added) continue;
    const std::string prefix = names.layer(origin.layer, "");
    for (const auto& [name, view] : base.tensors()) {
      if (name.starts_with(prefix)) bytes += view.bytes.size();
    }
  }
  return bytes;
}

std::uint64_t tuned_bytes(const ModelDirectory& base, const std::vector<LayerOrigin>& layers) {
  constexpr std::uint64_t kSmallTunedFiles = 1 << 20;
  return tuned_weight_bytes(base, layers) + kSmallTunedFiles;
}

void write_tuned(const fs::path& directory, const ModelDirectory& base, const Decoder& decoder,
                 const std::vector<LayerOrigin>& layers, const Strength& strength,
                 const std::string& card) {
  const c10::NoGradGuard no_grad;
  write_sharded_safetensors(directory, tuned_tensors(base, decoder, layers), kMaxShardBytes);
  base.copy_companions(directory);
  write_file_atomically(directory / "config.json",
                        tuned_config(base.config(), decoder.spec(), layers).dump(2) + "\n");
  write_tuned_info(directory, model_name(base.path()), strength);
  write_file_atomically(directory / "README.md", card);
}

LogitDifference check_tuned(const fs::path& written, const ModelDirectory& base,
                            const Decoder& decoder, const std::vector<LayerOrigin>& layers) {
  const c10::NoGradGuard no_grad;
  const ModelDirectory files = ModelDirectory::open(written);
  const TokenTensors probe = probe_tokens(decoder.spec(), decoder.device());
  const at::Tensor trained = probe_logits(decoder, probe).to(at::kFloat);
  const LogitsOf of_trained = [&](std::int64_t begin, std::int64_t count) {
    return trained.narrow(1, begin, count);
  };
  const auto with = [&](const WeightLoader::Replacement& replacement) {
    return StreamedDecoder(files, at::kFloat, decoder.device(), replacement);
  };
  const StreamedDecoder model = with({});
  const at::Tensor hidden = model.hidden(probe);
  LogitDifference difference = compare_logits(model, hidden, of_trained);
  const Dtype stored = base.tensor(decoder.spec().names.embedding()).dtype;
  const Dtype computed = dtype_of(decoder.dtype());
  // Twice what healthy float16 runs of LoRA reach, whose merged weights are rounded once more.
  const auto most = [&](double rounding) {
    return summation_tolerance(difference.scale) + std::max(difference.scale, 1.0) * 16 * rounding;
  };
  const double tolerance = most(std::max(rounding_of(stored), rounding_of(computed)));
  if (difference.worst <= summation_tolerance(difference.scale)) return difference;

  // Rounding is to explain it: the weights before they were rounded compute what was trained, and
  // rounded in memory what the files do.
  const std::map<std::string, MakeTensor> changed = all_changed(base, decoder, layers);
  const auto unrounded = [&](const std::string& name) {
    const auto found = changed.find(name);
    return found == changed.end() ? at::Tensor() : found->second();
  };
  const StreamedDecoder exact = with(unrounded),
                        rounded = with([&](const std::string&name) {
                          const at::Tensor tensor = unrounded(name);
                          return tensor.defined() ? tensor.to(scalar_type(files.tensor(name).dtype))
                                                  : tensor;
                        });
  const LogitDifference before = compare_logits(exact, exact.hidden(probe), of_trained);
  check_difference(before.worst, most(rounding_of(computed)), before.scale,
                   ", even before its weights are rounded", written);
  const at::Tensor rounded_hidden = rounded.hidden(probe);
  const LogitDifference rest =
      compare_logits(model, hidden, [&](std::int64_t begin, std::int64_t count) {
        return rounded.logits(rounded_hidden, begin, count);
      });
  check_difference(rest.worst, summation_tolerance(rest.scale), rest.scale,
                   ", rounded as its files are", written);
  difference.expected = {
      .cause = rounding_causes(stored, computed), .most = tolerance, .before = before.worst};
  return difference;
}

}  // namespace expandft
