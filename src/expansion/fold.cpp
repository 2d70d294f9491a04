#include "expansion/fold.h"

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

/// Which of the MLP's tensors a name is, and of which layer.
struct MlpTensor {
  std::int64_t layer;
  std::string projection, part;
};

/// Every foldable tensor of the model by name.
std::map<std::string, MlpTensor> mlp_tensors(const DecoderSpec& spec) {
  std::map<std::string, MlpTensor> out;
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    for (const std::string projection : {"gate_proj", "up_proj", "down_proj"}) {
      for (const std::string part : {"weight", "bias"}) {
        if (projection == "down_proj" && part == "bias") continue;
        out[TensorNames::layer(i, "mlp." + projection + "." + part)] = {i, projection, part};
      }
    }
  }
  return out;
}

/// One wide tensor: the base's part and then each copy's along `dim`, times their shares. What is
/// left (padding) is zero.
TensorSource widened(const std::string& name, const TensorView& base,
                     std::vector<at::Tensor> copies, std::int64_t dim, std::int64_t width,
                     std::pair<double, double> shares) {
  Shape shape = base.shape;
  const std::int64_t own = shape.at(static_cast<std::size_t>(dim));
  shape[static_cast<std::size_t>(dim)] = width;
  auto fill = [=, copies = std::move(copies)](std::span<std::byte> bytes) {
    at::Tensor out = over(bytes, shape, base.dtype);
    const auto put = [&](std::int64_t place, const at::Tensor& part, double share) {
      at::Tensor target = out.narrow(dim, place * own, own);
      // The product is made in the file's dtype, so that what the docs say of rounding is exact.
      const at::Tensor ready = part.to(at::kCPU, out.scalar_type());
      if (share == 1.0) {
        target.copy_(ready);
      } else {
        target.copy_(ready.mul(share));
      }
    };
    put(0, mapped_tensor(base), shares.first);
    for (std::size_t j = 0; j < copies.size(); ++j) {
      put(static_cast<std::int64_t>(j) + 1, copies[j], shares.second);
    }
    const std::int64_t filled = own * (static_cast<std::int64_t>(copies.size()) + 1);
    if (filled < width) out.narrow(dim, filled, width - filled).zero_();
  };
  return {name, base.dtype, std::move(shape), std::move(fill)};
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

std::vector<TensorSource> fold(const ModelDirectory& base, const DecoderSpec& spec,
                               const Folding& folding, const CopyTensors& copies) {
  const std::map<std::string, at::Tensor> by_name(copies.begin(), copies.end());
  const std::map<std::string, MlpTensor> foldable = mlp_tensors(spec);
  const std::int64_t width = folding.plan.copies * spec.intermediate;
  std::vector<TensorSource> out;
  for (const auto& [name, view] : base.tensors()) {
    const auto found = foldable.find(name);
    if (found == foldable.end()) {
      out.push_back(source_of(name, view));
      continue;
    }
    const MlpTensor& which = found->second;
    const bool grows = std::ranges::binary_search(folding.plan.layers, which.layer);
    std::vector<at::Tensor> parts;
    for (std::int64_t j = 1; grows && j < folding.plan.copies; ++j) {
      parts.push_back(by_name.at(copy_tensor_name(which.layer, which.projection, j, which.part)));
    }
    const bool down = which.projection == "down_proj";
    const auto shares =
        down && grows ? std::pair(base_share(folding), copy_share(folding)) : std::pair(1.0, 1.0);
    out.push_back(widened(name, view, std::move(parts), down ? 1 : 0, width, shares));
  }
  return out;
}

std::uint64_t folded_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding) {
  // Whether it grows or is padded, an MLP's tensor becomes k times as large.
  const std::map<std::string, MlpTensor> foldable = mlp_tensors(spec);
  std::uint64_t bytes = 0;
  for (const auto& [name, view] : base.tensors()) {
    const auto k = static_cast<std::uint64_t>(folding.plan.copies);
    bytes += view.bytes.size() * (foldable.contains(name) ? k : 1);
  }
  return bytes;
}

Json folded_config(const Json& base_config, const Folding& folding, const DecoderSpec& spec) {
  Json config = base_config;
  config["intermediate_size"] = folding.plan.copies * spec.intermediate;
  return config;
}

}  // namespace expandft
