#pragma once

#include "config/run_config.h"
#include "training/prefix_cache.h"
#include "training/retention.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace expandft {

/// What training.cache_prefix keeps of a run: the text held on first, which comes again sooner,
/// then as much of the training data as the limit leaves room for.
struct PrefixLayouts {
  std::optional<PrefixLayout> retention, training;
  std::uint64_t bytes() const;
};

/// `frozen_layers`: how many lie below all that trains. `epochs`: of the training data.
/// `retention` may be null. Warns where the
/// config asks for a cache and there is nothing to keep: no layer is frozen, or nothing is computed
/// twice.
PrefixLayouts plan_prefix_caches(const RunConfig& run, const Decoder& decoder,
                                 std::int64_t frozen_layers,
                                 const std::shared_ptr<const PackedEpochs>& epochs,
                                 const Retention* retention);

/// Where a cache may lie on the disk, and how much room it leaves free there.
struct CacheFolder {
  fs::path path;
  std::uint64_t left_free = 0;  // bytes
};

/// The cache itself. Null, with a warning, when there is no room.
std::unique_ptr<PrefixCache> make_prefix_cache(CachePrefix kind, const CacheFolder& folder,
                                               const Decoder& decoder, std::int64_t frozen_layers,
                                               const Dataset& dataset, PrefixLayout layout);

}  // namespace expandft
