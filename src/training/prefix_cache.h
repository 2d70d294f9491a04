#pragma once

#include "base/temporary_storage.h"
#include "config/run_config.h"
#include "data/dataset.h"
#include "data/packing.h"
#include "model/decoder.h"
#include "training/batch_stream.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

class Retention;

/// Which examples a prefix cache keeps, where, and together with which others each is computed.
///
/// The rounding errors of a matrix product depend on its number of rows, so an example's states
/// depend on the group it is computed in. Each kept example therefore belongs to one group: the
/// first one it appears in. What a run computes then depends only on the order of the data, not on
/// when the cache was filled, and a run resumed with an empty cache computes the same numbers.
class PrefixLayout {
 public:
  /// `groups`: in the order of training. Examples are kept in that order until the next one would
  /// exceed `limit` bytes, at `token_bytes` per token.
  PrefixLayout(const Dataset& dataset, std::vector<ExampleGroup> groups, std::uint64_t token_bytes,
               std::uint64_t limit);

  struct Place {
    std::uint64_t begin = 0;  // byte offset in the cache
    std::uint32_t group = 0;
  };
  /// Nothing for an example that is not kept.
  std::optional<Place> find(std::uint32_t example) const;
  const ExampleGroup& group(std::uint32_t index) const { return groups_[index]; }

  std::uint64_t bytes() const { return bytes_; }  // of all kept examples
  std::int64_t kept_examples() const { return kept_; }

 private:
  static constexpr std::uint32_t kNotKept = 0xffffffff;

  std::vector<ExampleGroup> groups_;
  std::vector<Place> places_;  // of each example
  std::uint64_t bytes_ = 0;
  std::int64_t kept_ = 0;
};

/// The micro-batches of a stream's first epoch, from a stream at its start. The last step may hold
/// examples of the second epoch.
std::vector<ExampleGroup> first_epoch_groups(BatchStream stream);

/// The hidden states that enter the lowest trained layer, kept from the first time an example is
/// computed: the layers below are frozen, and sequences do not see each other. Examples that the
/// layout does not keep are computed each time. On the disk the states of each example have a hash;
/// damaged ones are computed again in the same group, so they are the same bit for bit. When the
/// disk fails, a warning says so and no more states are kept.
class PrefixCache {
 public:
  /// `layers`: the number of frozen ones, at least 1. Decoder and data set must outlive the cache;
  /// the space has layout.bytes().
  PrefixCache(const Decoder& decoder, std::int64_t layers, const Dataset& dataset,
              PrefixLayout layout, ScratchSpace space);

  /// The states of the examples, end to end: (N, h), in the decoder's dtype and on its device.
  at::Tensor states(const ExampleGroup& examples);

  std::int64_t layers() const { return layers_; }
  const PrefixLayout& layout() const { return layout_; }
  /// How many examples' states came from the cache so far.
  std::int64_t hits() const { return hits_; }

 private:
  at::Tensor compute(const ExampleGroup& examples) const;
  std::int64_t length(std::uint32_t example) const { return dataset_.examples.length(example); }
  std::optional<PrefixLayout::Place> find(std::uint32_t example) const;
  bool load(std::uint32_t example, std::uint64_t begin, at::Tensor rows);
  void keep(const ExampleGroup& group, std::uint32_t index, const at::Tensor& states);

  const Decoder& decoder_;
  std::int64_t layers_;
  const Dataset& dataset_;
  PrefixLayout layout_;
  std::optional<ScratchSpace> space_;  // none once the disk has failed
  std::vector<std::uint8_t> is_kept_;  // of each example: whether its states are in the space
  std::vector<std::uint64_t> hashes_;  // of each example's states; on the disk only
  std::int64_t hits_ = 0;
  bool has_warned_of_damage_ = false;
};

/// What training.cache_prefix keeps in a run: the retention text first, because it repeats sooner,
/// then as much of the training data as the limit allows.
struct PrefixLayouts {
  std::optional<PrefixLayout> retention, training;
  std::uint64_t bytes() const;
};

/// `frozen_layers`: how many layers are below all trained ones. `epochs`: of the training data.
/// `retention` may be null. Warns when training.cache_prefix has no effect: no layer is frozen, or
/// no example is computed twice.
PrefixLayouts plan_prefix_caches(const RunConfig& run, const Decoder& decoder,
                                 std::int64_t frozen_layers,
                                 const std::shared_ptr<const PackedEpochs>& epochs,
                                 const Retention* retention);

/// Where a cache on the disk goes, and how much room it must leave free there.
struct CacheFolder {
  fs::path path;
  std::uint64_t left_free = 0;  // bytes
};

/// The cache of a layout. Null, with a warning, when there is no room for it.
std::unique_ptr<PrefixCache> make_prefix_cache(CachePrefix kind, const CacheFolder& folder,
                                               const Decoder& decoder, std::int64_t frozen_layers,
                                               const Dataset& dataset, PrefixLayout layout);

}  // namespace expandft
