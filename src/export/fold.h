#pragma once

#include "checkpoint/model_directory.h"
#include "growth/expansion.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// How an expansion is folded into one wide MLP a layer.
struct Folding {
  ExpansionPlan plan;
  Layout layout = Layout::kNative;  // resolved: never kAuto
  Strength strength = {};
  std::int64_t model_layers = 1;  // of the model, for a strength that is a line

  double strength_of(std::int64_t layer) const { return strength.at(layer, model_layers); }
};

/// A layer's shares of down at its strength s: the base's, (k − s(k−1)) / k, and each copy's, s /
/// k.
double base_share(const Folding& folding, std::int64_t layer);
double copy_share(const Folding& folding, std::int64_t layer);
/// Whether multiplying by x is exact in binary floating point, underflow apart.
bool is_power_of_two(double x);
/// Whether the base can be taken out of the folded model bit for bit: it did not train, and its
/// share is a power of two in every layer that grows.
bool is_reversible(const Folding& folding);

/// Width of a layer's MLP in the folded model: k·p of those that grow. The others keep p, or, in
/// the native and padded layouts, which have one width, are padded to k·p. DeciLM's widths are
/// rounded up to what it can state (families/deci.h).
std::int64_t folded_width(const Folding& folding, const DecoderSpec& spec, std::int64_t layer);

/// The tensors of the folded model, made one by one as they are written, in the base's names and
/// dtypes. gate' = [gate; copy_1; …] and up' likewise (rows), down' = [share·down | share·copy_1 |
/// …] (columns); biases of gate and up are laid end to end, down's is left alone; a
/// fused tensor widens inside each of its parts. What folded_width leaves free is zero, and comes
/// last. `copies` may be in any dtype.
std::vector<TensorSource> fold(const ModelDirectory& base, const DecoderSpec& spec,
                               const Folding& folding, const NamedTensors& copies);

/// Bytes of all tensors that fold gives.
std::uint64_t folded_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding);

/// What the tensors of a folded model take, and how much of that only fills narrower layers up.
struct FoldedSize {
  std::uint64_t bytes = 0, zeros = 0;
};
FoldedSize folded_size(const ModelDirectory& base, const DecoderSpec& spec, const Folding& folding);
/// "1.9 GB", "1.9 GB (padded: 0.6 GB of zeros)".
std::string describe(const FoldedSize& size, Layout layout);

/// config.json of the folded model: the base's, with the new width or widths as its layout states
/// them, and without the names of code files, which are not copied.
Json folded_config(const Json& base_config, const Folding& folding, const DecoderSpec& spec);

}  // namespace expandft
