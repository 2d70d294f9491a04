#include "export/unmerge.h"

#include "base/error.h"
#include "families/model_config.h"
#include "growth/mlp_tensors.h"
#include "model/tensors.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kRemainderFile = "expandft_unmerge.safetensors";

/// The bits as integers, which compare NaNs and signed zeros exactly.
at::Tensor bits(const at::Tensor& tensor) {
  return tensor.view(tensor.element_size() == 8   ? at::kLong
                     : tensor.element_size() == 4 ? at::kInt
                                                  : at::kShort);
}

/// The flat indices of the numbers of `base` that (x·share)·(1/share) does not restore (underflow).
/// Only the columns of `neurons` are multiplied, where that is defined.
at::Tensor lost_numbers(const at::Tensor& base, double share, const at::Tensor& neurons) {
  at::Tensor back;
  if (neurons.defined()) {
    back = base.clone();
    const at::Tensor columns = base.index_select(1, neurons);
    back.index_copy_(1, neurons, columns.mul(share).mul_(1.0 / share));
  } else {
    back = base.mul(share).mul_(1.0 / share);
  }
  return at::nonzero(bits(back.flatten()).ne(bits(base.flatten()))).squeeze(1);
}

/// Whether unmerge has to know which neurons were copied.
bool needs_neurons(const ExpansionPlan& plan) {
  return plan.is_narrow() && plan.shares_output();
}

ExpansionPlan plan_of(const MergedInfo& info) {
  return {info.layers, info.copies, info.method, info.widths};
}

/// A merged model whose base is to be restored.
struct Merged {
  const ModelDirectory& directory;
  MergedInfo info;
  DecoderSpec base;                                     // of the base
  std::map<std::string, MlpTensor> folded;              // the tensors that may have widened
  std::vector<std::vector<std::int64_t>> neurons = {};  // of narrow layers, once they are read

  Folding folding() const {
    return {{info.layers, info.copies, info.method, info.widths, neurons},
            info.layout,
            info.strength,
            base.layers};
  }
};

/// The base's part of a folded tensor: its first rows or columns, scaled back.
TensorSource unfolded(const std::string& name, const TensorView& view, const Merged& merged,
                      const std::map<std::string, TensorView>& lost) {
  const MlpTensor which = merged.folded.at(name);
  const std::int64_t own = merged.base.width(which.layer);
  Shape shape = view.shape;
  shape.at(static_cast<std::size_t>(which.dim())) = own * which.sections();
  const Folding folding = merged.folding();
  const double back = which.is_down() && folding.plan.grows(which.layer)
                          ? 1.0 / base_share(folding, which.layer)
                          : 1.0;
  const at::Tensor neurons = back != 1.0 && folding.plan.is_narrow()
                                 ? neuron_indices(folding.plan, which.layer)
                                 : at::Tensor();
  auto fill = [=](std::span<std::byte> bytes) {
    const at::Tensor out =
        at::from_blob(bytes.data(), shape, at::TensorOptions().dtype(scalar_type(view.dtype)));
    const at::Tensor wide = mapped_tensor(view);
    for (std::int64_t i = 0; i < which.sections(); ++i) {
      const at::Tensor part = which.section(wide, i).narrow(which.dim(), 0, own);
      at::Tensor target = which.section(out, i);
      target.copy_(back == 1.0 || neurons.defined() ? part : part.mul(back));
      if (neurons.defined()) {
        target.index_copy_(1, neurons, part.index_select(1, neurons).mul_(back));
      }
    }
    if (const auto places = lost.find(name + ".index"); places != lost.end()) {
      out.view(-1).index_put_({mapped_tensor(places->second)},
                              mapped_tensor(lost.at(name + ".value")));
    }
  };
  return {name, view.dtype, std::move(shape), std::move(fill), view};
}

/// Checks expandft.json against the tensors.
void check_widths(const Merged& merged) {
  const std::string file = (merged.directory.path() / kModelInfoFile).string();
  if (merged.info.intermediate_size != merged.base.intermediate) {
    throw input_error("\"base_intermediate_size\" is " +
                          std::to_string(merged.info.intermediate_size) +
                          "; \"base_config\" says " + std::to_string(merged.base.intermediate),
                      file, kMergeAgain);
  }
  for (const std::int64_t layer : merged.info.layers) {
    const std::string name = merged.base.names.layer(layer, "mlp.down_proj.weight");
    if (!merged.directory.has(name)) {
      throw input_error("\"layers\" names layer " + std::to_string(layer) +
                            ", but there is no tensor \"" + name + "\"",
                        file, kMergeAgain);
    }
  }
  for (const auto& [name, which] : merged.folded) {
    if (!merged.directory.has(name)) continue;
    const Shape& shape = merged.directory.tensor(name).shape;
    const auto dim = static_cast<std::size_t>(which.dim());
    const std::int64_t width = folded_width(merged.folding(), merged.base, which.layer);
    if (shape.size() != (which.part == "bias" ? 1 : 2) || shape[dim] != which.sections() * width) {
      throw input_error("the tensor \"" + name + "\" has the shape " + Json(shape).dump() +
                            "; expected a width of " + std::to_string(which.sections() * width) +
                            ", as expandft.json says",
                        merged.directory.path().string(), kMergeAgain);
    }
  }
}

/// The neurons that were copied, checked against expandft.json; none where they need not be known.
std::vector<std::vector<std::int64_t>> read_shared_neurons(const Merged& merged) {
  const MergedInfo& info = merged.info;
  std::vector<std::vector<std::int64_t>> out;
  if (!needs_neurons(merged.folding().plan)) return out;
  const fs::path file = merged.directory.path() / kMergedNeuronsFile;
  std::vector<std::int64_t> widths;
  for (std::int64_t i = 0; i < merged.base.layers; ++i) widths.push_back(merged.base.width(i));
  LayerNeurons found = read_neurons_file(file, widths, kMergeAgain);
  for (std::size_t i = 0; i < info.layers.size(); ++i) {
    std::vector<std::int64_t>& neurons = found[info.layers[i]];
    if (std::ssize(neurons) != info.widths[i]) {
      throw input_error("of layer " + std::to_string(info.layers[i]) + ", " +
                            std::to_string(neurons.size()) + " neurons were copied; expected " +
                            std::to_string(info.widths[i]) + ", as expandft.json says",
                        file.string(), kMergeAgain);
    }
    out.push_back(std::move(neurons));
  }
  if (found.size() != info.layers.size()) {
    throw input_error("there are neurons of layers that did not grow", file.string(), kMergeAgain);
  }
  return out;
}

/// The tensors of the remainder file, checked against the tensors they refer to.
std::map<std::string, TensorView> read_remainder(const Merged& merged) {
  const MergedInfo& info = merged.info;
  const fs::path file = merged.directory.path() / kRemainderFile;
  if (!is_there(file)) return {};
  std::map<std::string, TensorView> lost = SafetensorsFile::open(file).tensors();
  std::set<std::string> known;
  const auto damaged = [&](const std::string& what) {
    return input_error(what, file.string(), kMergeAgain);
  };
  for (const std::int64_t layer : info.layers) {
    const std::string name = merged.base.names.layer(layer, "mlp.down_proj.weight");
    const auto index = lost.find(name + ".index"), value = lost.find(name + ".value");
    if (index == lost.end() && value == lost.end()) continue;
    if (index == lost.end() || value == lost.end()) {
      throw damaged("\"" + name + "\" has only one of .index and .value, expected both");
    }
    const TensorView& down = merged.directory.tensor(name);
    const Shape& places = index->second.shape;
    if (places.size() != 1 || value->second.shape != places || index->second.dtype != Dtype::kI64 ||
        value->second.dtype != down.dtype) {
      throw damaged("the tensors \"" + name + ".index\" and .value do not match; expected " +
                    "lists of the same length, of I64 and " +
                    std::string(safetensors_name(down.dtype)));
    }
    const std::int64_t numbers = down.shape[0] * merged.base.width(layer);
    const at::Tensor indices = mapped_tensor(index->second);
    if (indices.numel() > 0 &&
        (indices.min().item<std::int64_t>() < 0 || indices.max().item<std::int64_t>() >= numbers)) {
      throw damaged("the tensor \"" + name + ".index\" has indices out of range; expected " +
                    "0 to " + std::to_string(numbers - 1));
    }
    known.insert({index->first, value->first});
  }
  for (const auto& [name, view] : lost) {
    if (!known.contains(name)) {
      throw damaged("the tensor \"" + name + "\" does not belong to a layer that grew");
    }
  }
  return lost;
}

/// The spec of the base, from the config.json that expandft.json keeps.
DecoderSpec base_spec(const ModelDirectory& merged, const MergedInfo& info) {
  const std::string where = (merged.path() / kModelInfoFile).string() + ", base_config";
  DecoderSpec base = read_spec(parse_json(info.base_config, where), where);
  base.names = find_tensor_names(merged);
  return base;
}

}  // namespace

LayerNeurons shared_neurons(const ExpansionPlan& plan) {
  LayerNeurons out;
  if (!needs_neurons(plan)) return out;
  for (const std::int64_t layer : plan.layers) out[layer] = plan.neurons_of(layer);
  return out;
}

void write_unmerge_remainder(const fs::path& directory, const ModelDirectory& base,
                             const TensorNames& names, const Folding& folding) {
  const LayerNeurons neurons = shared_neurons(folding.plan);
  if (!neurons.empty()) write_neurons_file(directory / kMergedNeuronsFile, neurons);
  std::vector<TensorSource> out;
  const bool is_narrow = needs_neurons(folding.plan);
  for (const std::int64_t layer : folding.plan.layers) {
    const std::string name = names.layer(layer, "mlp.down_proj.weight");
    const TensorView& view = base.tensor(name);
    const at::Tensor values = mapped_tensor(view);
    const at::Tensor places =
        lost_numbers(values, base_share(folding, layer),
                     is_narrow ? neuron_indices(folding.plan, layer) : at::Tensor());
    if (places.numel() > 0) {
      out.push_back(source_of(name + ".index", places, Dtype::kI64));
      out.push_back(
          source_of(name + ".value", values.flatten().index_select(0, places), view.dtype));
    }
    view.release();
  }
  if (!out.empty()) write_safetensors(directory / kRemainderFile, out, {});
}

std::uint64_t padding_bytes(const ModelDirectory& merged) {
  const MergedInfo info = read_merged_info(merged.path());
  const DecoderSpec base = base_spec(merged, info);
  std::uint64_t zeros = 0;
  for (const auto& [name, which] : mlp_tensors(base)) {
    if (!merged.has(name)) continue;
    const std::int64_t width_before = base.width(which.layer);
    const std::int64_t own = width_before + plan_of(info).added(which.layer, width_before);
    const TensorView& view = merged.tensor(name);
    const std::int64_t width =
        view.shape.at(static_cast<std::size_t>(which.dim())) / which.sections();
    if (width <= own) continue;
    zeros += view.bytes.size() / static_cast<std::uint64_t>(width) *
             static_cast<std::uint64_t>(width - own);
  }
  return zeros;
}

std::uint64_t unmerged_bytes(const ModelDirectory& merged) {
  return merged.weight_bytes();
}

void write_unmerged(const fs::path& directory, const ModelDirectory& merged) {
  const MergedInfo info = read_merged_info(merged.path());
  if (!info.reversible) {
    throw input_error("this merge cannot be undone bit for bit: it has " +
                          (info.widths.empty() ? std::to_string(info.copies) + " copies"
                                               : std::string("copies of neurons")) +
                          " at strength " + strength_text(info.strength) +
                          (info.method == Method::kMlp ? ", and its originals were trained"
                                                       : ", so its weights were rounded"),
                      merged.path().string(), "use the base it was made from: " + info.base_model);
  }
  const DecoderSpec base = base_spec(merged, info);
  Merged known{merged, info, base, mlp_tensors(base)};
  check_widths(known);
  known.neurons = read_shared_neurons(known);
  const std::map<std::string, TensorView> lost = read_remainder(known);
  std::vector<TensorSource> sources;
  for (const auto& [name, view] : merged.tensors()) {
    sources.push_back(known.folded.contains(name) ? unfolded(name, view, known, lost)
                                                  : source_of(name, view));
  }
  write_model_files(directory, sources, info.base_config, merged);

  const std::string found = ModelDirectory::open(directory).fingerprint();
  if (found != info.base_fingerprint) {
    throw failure("the restored model is not the base: fingerprint " + found + ", expected " +
                      info.base_fingerprint,
                  merged.path().string(), "the merged model was changed after it was written");
  }
}

}  // namespace expandft
