#pragma once

#include "checkpoint/model_directory.h"
#include "growth/expansion.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// How an expansion is folded into one wide MLP for each layer.
struct Folding {
  ExpansionPlan plan;
  Layout layout = Layout::kNative;  // resolved: never kAuto
  Strength strength = {};
  std::int64_t model_layers = 1;  // of the model, for a strength that varies over the layers

  double strength_of(std::int64_t layer) const { return strength.at(layer, model_layers); }
};

/// The factors of down at the layer's strength s: (k − s(k−1)) / k for the base and s / k for each
/// added copy; for copies that add to the output ("zero-init"), 1 and s. In a narrow layer the
/// base's is that of the copied neurons' columns; the others keep 1.
double base_share(const Folding& folding, std::int64_t layer);
double copy_share(const Folding& folding, std::int64_t layer);
/// Whether multiplying by x is exact in binary floating point, except for underflow.
bool is_power_of_two(double x);
/// Whether unmerge can restore the base bit for bit: it did not train, and its share is a power of
/// two in every layer that grows.
bool is_reversible(const Folding& folding);

/// The width of a layer's MLP in the folded model: k·p if the layer grows, p + m if it is narrow.
/// The other layers keep p. In the native and padded layouts, which have one width, all are padded
/// to the widest (common_width).
/// DeciLM's widths are rounded up (families/deci.h).
std::int64_t folded_width(const Folding& folding, const DecoderSpec& spec, std::int64_t layer);

/// The tensors of the folded model, computed one by one as they are written, in the base's names
/// and dtypes: gate' = [gate; copy_1; …] (rows), up' likewise, down' = [share·down | share·copy_1 |
/// …] (columns); in a narrow layer only the copied neurons' columns of down have the share. Biases
/// of gate and up are concatenated, that of down is kept. A fused tensor grows
/// within each of its parts. Zeros fill up to folded_width. `copies` may have any dtype.
std::vector<TensorSource> fold(const ModelDirectory& base, const DecoderSpec& spec,
                               const Folding& folding, const NamedTensors& copies);

/// Bytes of all tensors that fold returns.
std::uint64_t folded_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding);

/// Bytes of the tensors of a folded model, and how many of these only pad narrower layers.
struct FoldedSize {
  std::uint64_t bytes = 0, zeros = 0;
};
FoldedSize folded_size(const ModelDirectory& base, const DecoderSpec& spec, const Folding& folding);
/// "1.9 GB", "1.9 GB (padded: 0.6 GB of zeros)".
std::string describe(const FoldedSize& size, Layout layout);

/// config.json of the folded model: the base's with the new width or widths in the form of the
/// layout, without the base's "auto_map", whose code files are not copied.
Json folded_config(const Json& base_config, const Folding& folding, const DecoderSpec& spec);

}  // namespace expandft
