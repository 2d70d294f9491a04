#include "expansion/fold.h"

#include "expansion/mlp_tensors.h"
#include "expansion/modeling_file.h"
#include "model/deci.h"
#include "model/families.h"
#include "model/tensors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace expandft {
namespace {

/// A writable tensor over the bytes that a source is to fill.
at::Tensor over(std::span<std::byte> bytes, const Shape& shape, Dtype dtype) {
  return at::from_blob(bytes.data(), shape, at::TensorOptions().dtype(scalar_type(dtype)));
}

/// One wide tensor: of each section the base's part and then each copy's along the widening
/// dimension, times their shares. What is left (padding) is zero. copies[i]: of section i.
TensorSource widened(const std::string& name, const TensorView& base, const MlpTensor& which,
                     std::vector<std::vector<at::Tensor>> copies, std::int64_t width,
                     std::pair<double, double> shares) {
  const auto dim = static_cast<std::size_t>(which.dim());
  Shape shape = base.shape;
  const std::int64_t own = shape.at(dim) / which.sections();
  shape[dim] = width * which.sections();
  auto fill = [=, copies = std::move(copies)](std::span<std::byte> bytes) {
    const c10::NoGradGuard no_grad;  // copies may be live parameters of a training run
    const at::Tensor whole = over(bytes, shape, base.dtype), original = mapped_tensor(base);
    for (std::int64_t i = 0; i < which.sections(); ++i) {
      const at::Tensor out = which.section(whole, i);
      std::int64_t filled = 0;
      const auto put = [&](const at::Tensor& part, double share) {
        at::Tensor target = out.narrow(which.dim(), filled, own);
        // The product is made in the file's dtype, so that what the docs say of rounding is exact.
        const at::Tensor ready = part.to(at::kCPU, out.scalar_type());
        if (share == 1.0) {
          target.copy_(ready);
        } else {
          at::mul_out(target, ready, at::scalar_tensor(share, ready.options().dtype(at::kDouble)));
        }
        filled += own;
      };
      put(which.section(original, i), shares.first);
      for (const at::Tensor& copy : copies[static_cast<std::size_t>(i)]) put(copy, shares.second);
      if (filled < width) out.narrow(which.dim(), filled, width - filled).zero_();
    }
  };
  return {name, base.dtype, std::move(shape), std::move(fill)};
}

bool grows(const Folding& folding, std::int64_t layer) {
  return std::ranges::binary_search(folding.plan.layers, layer);
}

}  // namespace

double base_share(const Folding& folding) {
  const auto k = static_cast<double>(folding.plan.copies);
  return (k - folding.strength * (k - 1)) / k;
}

double copy_share(const Folding& folding) {
  return folding.strength / static_cast<double>(folding.plan.copies);
}

bool is_power_of_two(double x) {
  int exponent = 0;
  return x > 0 && std::frexp(x, &exponent) == 0.5;
}

bool is_reversible(const Folding& folding) {
  return is_power_of_two(base_share(folding));
}

std::int64_t folded_width(const Folding& folding, const DecoderSpec& spec, std::int64_t layer) {
  const bool one_width = folding.layout == Layout::kNative || folding.layout == Layout::kPadded;
  const std::int64_t copies = one_width || grows(folding, layer) ? folding.plan.copies : 1;
  const std::int64_t width = copies * spec.intermediate;
  return folding.layout == Layout::kDeci ? deci_width(width) : width;
}

std::vector<TensorSource> fold(const ModelDirectory& base, const DecoderSpec& spec,
                               const Folding& folding, const CopyTensors& copies) {
  const std::map<std::string, at::Tensor> by_name(copies.begin(), copies.end());
  const std::map<std::string, MlpTensor> foldable = mlp_tensors(spec);
  std::vector<TensorSource> out;
  for (const auto& [name, view] : base.tensors()) {
    const auto found = foldable.find(name);
    if (found == foldable.end()) {
      out.push_back(source_of(name, view));
      continue;
    }
    const MlpTensor& which = found->second;
    std::vector<std::vector<at::Tensor>> copies_of;
    for (const std::string& projection : which.projections) {
      std::vector<at::Tensor>& parts = copies_of.emplace_back();
      for (std::int64_t j = 1; grows(folding, which.layer) && j < folding.plan.copies; ++j) {
        parts.push_back(by_name.at(copy_tensor_name(which.layer, projection, j, which.part)));
      }
    }
    const bool shared = which.is_down() && grows(folding, which.layer);
    const auto shares =
        shared ? std::pair(base_share(folding), copy_share(folding)) : std::pair(1.0, 1.0);
    out.push_back(widened(name, view, which, std::move(copies_of),
                          folded_width(folding, spec, which.layer), shares));
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
    decoder_config(config)["intermediate_size"] = widths.front();
  }
  return config;
}

}  // namespace expandft
