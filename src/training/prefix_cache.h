#pragma once

#include "base/temporary_storage.h"
#include "data/dataset.h"
#include "model/decoder.h"
#include "training/prefix_layout.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Hidden states that enter the lowest trained layer, kept from the first time that an example is
/// computed: the layers below are frozen, and sequences never see each other. What the layout does
/// not keep is computed each time. On the disk each example's states have a hash; damaged ones are
/// computed again, in the same group, so bit for bit. When the disk refuses, nothing more is kept,
/// and a warning says so.
class PrefixCache {
 public:
  /// `layers`: the frozen ones, at least one. Decoder and data set must outlive the cache; the
  /// space has the layout's bytes.
  PrefixCache(const Decoder& decoder, std::int64_t layers, const Dataset& dataset,
              PrefixLayout layout, ScratchSpace space);

  /// Of the examples, end to end: (N, h), in the decoder's dtype and on its device.
  at::Tensor states(const ExampleGroup& examples);

  std::int64_t layers() const { return layers_; }
  const PrefixLayout& layout() const { return layout_; }
  /// Examples whose states were taken from the cache so far.
  std::int64_t hits() const { return hits_; }

 private:
  at::Tensor compute(const ExampleGroup& examples) const;
  std::int64_t length(std::uint32_t example) const { return dataset_.examples.length(example); }
  std::optional<PrefixLayout::Place> find(std::uint32_t example) const;
  /// Whether `rows` could be filled with the example's states.
  bool load(std::uint32_t example, std::uint64_t begin, at::Tensor rows);
  void keep(const ExampleGroup& group, std::uint32_t index, const at::Tensor& states);

  const Decoder& decoder_;
  std::int64_t layers_;
  const Dataset& dataset_;
  PrefixLayout layout_;
  std::optional<ScratchSpace> space_;  // none once the disk has refused
  std::vector<std::uint8_t> is_kept_;  // of each example: whether its states are in the space
  std::vector<std::uint64_t> hashes_;  // likewise; only on the disk
  std::int64_t hits_ = 0;
  bool is_damage_told_ = false;
};

}  // namespace expandft
