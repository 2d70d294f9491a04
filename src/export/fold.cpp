#include "export/fold.h"

#include "export/modeling_file.h"
#include "families/deci.h"
#include "families/model_config.h"
#include "growth/expanded_mlp.h"
#include "growth/mlp_tensors.h"
#include "model/tensors.h"
#include "report/human.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace expandft {
namespace {

/// A writable tensor over the bytes that a source must fill.
at::Tensor over(std::span<std::byte> bytes, const Shape& shape, Dtype dtype) {
  return at::from_blob(bytes.data(), shape, at::TensorOptions().dtype(scalar_type(dtype)));
}

/// Multiplies some columns, in the tensor's dtype.
void scale_columns(const at::Tensor& tensor, const at::Tensor& columns, double factor) {
  at::Tensor target = tensor;
  target.index_copy_(1, columns, tensor.index_select(1, columns).mul_(factor));
}

/// The parts of one section of a folded tensor.
struct Section {
  at::Tensor tuned;                // the trained original; undefined if it did not train
  std::vector<at::Tensor> copies;  // none in a layer that does not grow
};

/// A folded tensor: each section is the original followed by the added copies along the growing
/// dimension, each times its share, and by zeros up to `width`.
/// In a narrow layer the original's share is that of its copied neurons only.
TensorSource widened(const std::string& name, const TensorView& base, const MlpTensor& which,
                     std::vector<Section> sections, std::int64_t width, const Folding& folding) {
  const auto dim = static_cast<std::size_t>(which.dim());
  Shape shape = base.shape;
  const std::int64_t own = shape.at(dim) / which.sections();
  shape[dim] = width * which.sections();
  const bool grows = folding.plan.grows(which.layer), shared = which.is_down() && grows;
  const std::int64_t copied = grows ? folding.plan.copied(which.layer, own) : 0;
  const double original_share = shared ? base_share(folding, which.layer) : 1;
  const double share = shared ? copy_share(folding, which.layer) : 1;
  const bool is_narrow = shared && folding.plan.is_narrow() && original_share != 1;
  const at::Tensor neurons = is_narrow ? neuron_indices(folding.plan, which.layer) : at::Tensor();
  auto fill = [=, strength = folding.strength_of(which.layer),
               sections = std::move(sections)](std::span<std::byte> bytes) {
    const c10::NoGradGuard no_grad;  // copies may be live parameters of a training run
    const at::Tensor whole = over(bytes, shape, base.dtype), original = mapped_tensor(base);
    for (std::int64_t i = 0; i < which.sections(); ++i) {
      const Section& section = sections[static_cast<std::size_t>(i)];
      const at::Tensor out = which.section(whole, i);
      std::int64_t filled = 0;
      const auto put = [&](const at::Tensor& part, double of_output, std::int64_t size) {
        at::Tensor target = out.narrow(which.dim(), filled, size);
        // The product is computed in the file's dtype, as docs/formats.md says of its rounding.
        const at::Tensor ready = part.to(at::kCPU, out.scalar_type());
        if (of_output == 1.0) {
          target.copy_(ready);
        } else {
          at::mul_out(target, ready,
                      at::scalar_tensor(of_output, ready.options().dtype(at::kDouble)));
        }
        filled += size;
        return target;
      };
      const at::Tensor base_part =
          put(original_at(strength, which.section(original, i), section.tuned),
              is_narrow ? 1 : original_share, own);
      if (is_narrow) scale_columns(base_part, neurons, original_share);
      for (const at::Tensor& copy : section.copies) put(copy, share, copied);
      if (filled < width) out.narrow(which.dim(), filled, width - filled).zero_();
    }
  };
  return {name, base.dtype, std::move(shape), std::move(fill), base};
}

}  // namespace

double base_share(const Folding& folding, std::int64_t layer) {
  if (!folding.plan.shares_output()) return 1;
  const auto k = static_cast<double>(folding.plan.copies);
  return (k - folding.strength_of(layer) * (k - 1)) / k;
}

double copy_share(const Folding& folding, std::int64_t layer) {
  const double strength = folding.strength_of(layer);
  if (!folding.plan.shares_output()) return strength;
  return strength / static_cast<double>(folding.plan.copies);
}

bool is_power_of_two(double x) {
  int exponent = 0;
  return x > 0 && std::frexp(x, &exponent) == 0.5;
}

bool is_reversible(const Folding& folding) {
  return !folding.plan.trains_originals() &&
         std::ranges::all_of(folding.plan.layers, [&](std::int64_t layer) {
           return is_power_of_two(base_share(folding, layer));
         });
}

std::int64_t folded_width(const Folding& folding, const DecoderSpec& spec, std::int64_t layer) {
  const bool one_width = folding.layout == Layout::kNative || folding.layout == Layout::kPadded;
  const std::int64_t own = spec.width(layer);
  if (one_width) return common_width(folding.plan, spec) * (own / spec.intermediate);
  const std::int64_t width = own + folding.plan.added(layer, own);
  return folding.layout == Layout::kDeci ? deci_width(width) : width;
}

std::vector<TensorSource> fold(const ModelDirectory& base, const DecoderSpec& spec,
                               const Folding& folding, const NamedTensors& copies) {
  const std::map<std::string, at::Tensor> by_name(copies.begin(), copies.end());
  const std::map<std::string, MlpTensor> foldable = mlp_tensors(spec);
  std::map<std::string, at::Tensor> tuned_biases;  // of down, added once for all copies
  for (const std::int64_t layer : folding.plan.layers) {
    if (!folding.plan.trains_originals() || !spec.mlp_bias) break;
    const std::string name = spec.names.layer(layer, "mlp.down_proj.bias");
    tuned_biases[name] = original_at(folding.strength_of(layer), mapped_tensor(base.tensor(name)),
                                     by_name.at(original_tensor_name(layer, "down_proj", "bias")));
  }
  std::vector<TensorSource> out;
  for (const auto& [name, view] : base.tensors()) {
    if (const auto bias = tuned_biases.find(name); bias != tuned_biases.end()) {
      out.push_back(source_of(name, bias->second, view.dtype));
      continue;
    }
    const auto found = foldable.find(name);
    if (found == foldable.end()) {
      out.push_back(source_of(name, view));
      continue;
    }
    const MlpTensor& which = found->second;
    std::vector<Section> sections;
    for (const std::string& projection : which.projections) {
      Section& section = sections.emplace_back();
      if (!folding.plan.grows(which.layer)) continue;
      for (std::int64_t j = 1; j < folding.plan.copies; ++j) {
        section.copies.push_back(
            by_name.at(copy_tensor_name(which.layer, projection, j, which.part)));
      }
      if (folding.plan.trains_originals()) {
        section.tuned = by_name.at(original_tensor_name(which.layer, projection, which.part));
      }
    }
    out.push_back(widened(name, view, which, std::move(sections),
                          folded_width(folding, spec, which.layer), folding));
  }
  return out;
}

std::uint64_t folded_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding) {
  const std::map<std::string, MlpTensor> foldable = mlp_tensors(spec);
  std::uint64_t bytes = 0;
  for (const auto& [name, view] : base.tensors()) {
    const auto found = foldable.find(name);
    if (found == foldable.end()) {
      bytes += view.bytes.size();
    } else {
      const std::int64_t layer = found->second.layer;
      bytes += view.bytes.size() / static_cast<std::uint64_t>(spec.width(layer)) *
               static_cast<std::uint64_t>(folded_width(folding, spec, layer));
    }
  }
  return bytes;
}

FoldedSize folded_size(const ModelDirectory& base, const DecoderSpec& spec,
                       const Folding& folding) {
  Folding narrowest = folding;
  narrowest.layout = Layout::kRemoteCode;  // each layer has its own width
  const std::uint64_t bytes = folded_bytes(base, spec, folding);
  return {bytes, bytes - folded_bytes(base, spec, narrowest)};
}

std::string describe(const FoldedSize& size, Layout layout) {
  std::string text = human_bytes(static_cast<double>(size.bytes));
  if (size.zeros == 0) return text;
  return text + " (" + layout_name(layout) + ": " + human_bytes(static_cast<double>(size.zeros)) +
         " of zeros)";
}

Json folded_config(const Json& base_config, const Folding& folding, const DecoderSpec& spec) {
  Json config = base_config;
  config.erase("auto_map");
  std::vector<std::int64_t> widths;
  for (std::int64_t i = 0; i < spec.layers; ++i) widths.push_back(folded_width(folding, spec, i));
  if (folding.layout == Layout::kDeci) return deci_config(config, spec, widths);
  if (folding.layout == Layout::kRemoteCode) {
    decoder_config(config)[kLayerWidthsKey] = widths;
    const std::string name = modeling_class(spec);
    config["architectures"] = {name};
    config["auto_map"] = {{"AutoModelForCausalLM", std::string(kModelingModule) + "." + name}};
  } else {
    decoder_config(config)["intermediate_size"] = common_width(folding.plan, spec);
  }
  return config;
}

}  // namespace expandft
