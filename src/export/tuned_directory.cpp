#include "export/tuned_directory.h"

#include "checkpoint/model_info.h"
#include "config/hub_cache.h"
#include "families/model_config.h"
#include "families/tensor_names.h"
#include "model/tensors.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

/// The changed tensors of a layer, by their names within the layer. Fused projections are
/// concatenated again.
std::map<std::string, MakeTensor> changed_in_layer(const Decoder& decoder, std::int64_t index,
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
      // Add to the numbers in the file: those in memory may be rounded.
      out[projection.name + ".weight"] = [view = base.tensor(name), update = *first.update] {
        return at::addmm(mapped_tensor(view).to(at::kFloat), update.b.to(at::kCPU, at::kFloat),
                         update.a.to(at::kCPU, at::kFloat),
                         /*beta=*/1, update.scale);
      };
    }
  }
  return out;
}

/// The trained tensors below and above the layers, by name.
std::map<std::string, at::Tensor> changed_ends(const Decoder& decoder) {
  const DecoderWeights& weights = decoder.weights();
  const TensorNames& names = decoder.spec().names;
  std::map<std::string, at::Tensor> out;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    if (tensor.requires_grad()) out[name] = tensor;
  };
  add(names.embedding(), weights.embedding);
  add(names.final_norm(), weights.final_norm);
  // A file may hold a tied head too, which must stay equal to the embedding.
  add(names.head, weights.head);
  return out;
}

}  // namespace

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
        changed_in_layer(decoder, index, base, layers[i].layer);
    for (const auto& [name, view] : base.tensors()) {
      if (!name.starts_with(prefix)) continue;
      const std::string part = name.substr(prefix.size()), new_name = names.layer(index, part);
      const auto found = changed.find(part);
      if (layers[i].is_added && part == "layer_scalar") {  // of a layer that begins as the identity
        out.push_back(source_of(new_name, at::ones(view.shape), view.dtype));
        continue;
      }
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
    // Older names of a rule that would contradict it.
    decoder.erase("sliding_window_pattern");
    decoder.erase("_sliding_window_pattern");
  }
  if (decoder.contains("per_layer_config")) {
    Json sizes = Json::object();
    for (std::int64_t i = 0; i < spec.layers; ++i) {
      const AttentionKind& kind = spec.attention(i);
      if (kind.head_dim == spec.head_dim && kind.kv_heads == spec.kv_heads) continue;
      sizes[std::to_string(i)] = {{"head_dim", kind.head_dim},
                                  {"num_key_value_heads", kind.kv_heads}};
    }
    decoder["per_layer_config"] = sizes;
  }
  if (std::ranges::any_of(spec.attention_kinds, [](const auto& kind) { return !kind.rotates; })) {
    Json rotated = Json::array();
    for (std::int64_t i = 0; i < spec.layers; ++i) {
      rotated.push_back(spec.attention(i).rotates ? 1 : 0);
    }
    decoder["no_rope_layers"] = rotated;
  }
  return config;
}

std::map<std::string, MakeTensor> changed_tensors(const ModelDirectory& base,
                                                  const Decoder& decoder,
                                                  const std::vector<LayerOrigin>& layers) {
  std::map<std::string, MakeTensor> out;
  for (const auto& [name, tensor] : changed_ends(decoder)) {
    out[name] = [tensor = tensor] { return tensor; };
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    for (auto& [part, make] : changed_in_layer(decoder, index, base, layers[i].layer)) {
      out[decoder.spec().names.layer(index, part)] = make;
    }
  }
  return out;
}

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
  write_model_files(directory, tuned_tensors(base, decoder, layers),
                    tuned_config(base.config(), decoder.spec(), layers).dump(2) + "\n", base);
  write_tuned_info(directory, model_name(base.path()), strength);
  write_file_atomically(directory / "README.md", card);
}

}  // namespace expandft
