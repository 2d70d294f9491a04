#include "training/prefix_caches.h"

#include "base/error.h"
#include "base/wording.h"
#include "report/human.h"

#include <system_error>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// Whether the run goes on past the first epoch.
bool repeats(const RunConfig& run, const std::shared_ptr<const PackedEpochs>& epochs) {
  if (!run.training.max_steps) return run.training.epochs.value_or(1) > 1;
  TrainingConfig once = run.training;
  once.max_steps = std::nullopt;
  once.epochs = 1;
  return BatchStream(epochs, once).total_steps() < *run.training.max_steps;
}

PrefixLayout plan(const char* what, const Dataset& dataset, std::vector<ExampleGroup> groups,
                  std::uint64_t token_bytes, std::uint64_t limit, CachePrefix kind) {
  PrefixLayout layout(dataset, std::move(groups), token_bytes, limit);
  spdlog::info("states of the frozen layers: {} of {} of the {} are kept {}, {}",
               layout.kept_examples(), counted(std::ssize(dataset.examples), "sequence"), what,
               kind == CachePrefix::kDisk ? "on the disk" : "in memory",
               human_bytes(static_cast<double>(layout.bytes())));
  return layout;
}

ScratchSpace space_in(const CacheFolder& folder, std::uint64_t bytes) {
  std::error_code unknown;
  const fs::space_info room = fs::space(folder.path, unknown);
  if (!unknown &&
      (room.available < folder.left_free || room.available - folder.left_free < bytes)) {
    throw failure(fmt::format("a cache of {} would leave too little room for what the run writes",
                              human_bytes(static_cast<double>(bytes))),
                  folder.path.string());
  }
  return ScratchSpace::on_disk(folder.path, bytes);
}

}  // namespace

std::uint64_t PrefixLayouts::bytes() const {
  return (retention ? retention->bytes() : 0) + (training ? training->bytes() : 0);
}

PrefixLayouts plan_prefix_caches(const RunConfig& run, const Decoder& decoder,
                                 std::int64_t frozen_layers,
                                 const std::shared_ptr<const PackedEpochs>& epochs,
                                 const Retention* retention) {
  const CachePrefix kind = run.training.cache_prefix;
  if (kind == CachePrefix::kNone) return {};
  if (frozen_layers == 0) {
    spdlog::warn(
        "training.cache_prefix has no effect: no layer lies below the lowest one that trains");
    return {};
  }
  constexpr std::uint64_t kInMemory = 4'000'000'000, kOnDisk = 32'000'000'000;
  const std::uint64_t limit =
      run.training.cache_prefix_limit.value_or(kind == CachePrefix::kDisk ? kOnDisk : kInMemory);
  const std::uint64_t token_bytes =
      static_cast<std::uint64_t>(decoder.spec().hidden) * at::elementSize(decoder.dtype());
  PrefixLayouts out;
  if (retention != nullptr) {
    out.retention = plan("text held on", retention->text(), retention->first_groups(), token_bytes,
                         limit, kind);
  }
  if (repeats(run, epochs)) {
    out.training = plan("training data", epochs->dataset(),
                        first_epoch_groups(BatchStream(epochs, run.training)), token_bytes,
                        limit - out.bytes(), kind);
  } else if (retention == nullptr) {
    spdlog::warn("training.cache_prefix has no effect: no example is computed twice in one epoch");
  }
  return out;
}

std::unique_ptr<PrefixCache> make_prefix_cache(CachePrefix kind, const CacheFolder& folder,
                                               const Decoder& decoder, std::int64_t frozen_layers,
                                               const Dataset& dataset, PrefixLayout layout) try {
  const std::uint64_t bytes = layout.bytes();
  return std::make_unique<PrefixCache>(
      decoder, frozen_layers, dataset, std::move(layout),
      kind == CachePrefix::kDisk ? space_in(folder, bytes) : ScratchSpace::in_memory(bytes));
} catch (const Error& error) {
  spdlog::warn("{}: {}; the states of the frozen layers are computed in each epoch",
               folder.path.string(), error.message());
  return nullptr;
}

}  // namespace expandft
