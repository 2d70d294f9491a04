#include "training/prefix_cache.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/wording.h"
#include "report/human.h"
#include "training/retention.h"

#include <iterator>
#include <map>
#include <span>
#include <system_error>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// The bytes of a contiguous tensor on the CPU.
std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

/// Whether the run continues beyond the first epoch.
bool repeats(const RunConfig& run, const std::shared_ptr<const PackedEpochs>& epochs) {
  if (!run.training.max_steps) return run.training.epochs.value_or(1) > 1;
  TrainingConfig once = run.training;
  once.max_steps = std::nullopt;
  once.epochs = 1;
  return BatchStream(epochs, once).total_steps() < *run.training.max_steps;
}

PrefixLayout plan_cache(const char* what, const Dataset& dataset, std::vector<ExampleGroup> groups,
                        std::uint64_t token_bytes, std::uint64_t limit, CachePrefix kind) {
  PrefixLayout layout(dataset, std::move(groups), token_bytes, limit);
  spdlog::info("states of the frozen layers: {} of {} of the {} are kept {}, {}",
               layout.kept_examples(), counted(std::ssize(dataset.examples), "example"), what,
               kind == CachePrefix::kDisk ? "on the disk" : "in memory",
               human_bytes(static_cast<double>(layout.bytes())));
  return layout;
}

ScratchSpace space_in(const CacheFolder& folder, std::uint64_t bytes) {
  std::error_code unknown;
  const fs::space_info room = fs::space(folder.path, unknown);
  if (!unknown &&
      (room.available < folder.left_free || room.available - folder.left_free < bytes)) {
    throw failure(
        fmt::format("a cache of {} would leave too little room for the files that the run writes",
                    human_bytes(static_cast<double>(bytes))),
        folder.path.string());
  }
  return ScratchSpace::on_disk(folder.path, bytes);
}

}  // namespace

PrefixLayout::PrefixLayout(const Dataset& dataset, std::vector<ExampleGroup> groups,
                           std::uint64_t token_bytes, std::uint64_t limit)
    : groups_(std::move(groups)),
      places_(dataset.examples.size(), Place{.begin = 0, .group = kNotKept}) {
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    for (const std::uint32_t example : groups_[g]) {
      Place& place = places_[example];
      if (place.group != kNotKept) continue;
      const auto length = static_cast<std::uint64_t>(dataset.examples.length(example));
      const std::uint64_t size = length * token_bytes;
      if (size > limit - bytes_) {  // nor smaller ones: later groups are then never looked up
        groups_.resize(g + 1);
        return;
      }
      place = {.begin = bytes_, .group = g};
      bytes_ += size;
      ++kept_;
    }
  }
}

std::optional<PrefixLayout::Place> PrefixLayout::find(std::uint32_t example) const {
  const Place& place = places_[example];
  return place.group == kNotKept ? std::nullopt : std::optional(place);
}

std::vector<ExampleGroup> first_epoch_groups(BatchStream stream) {
  std::vector<ExampleGroup> groups;
  while (stream.position().epoch == 0) {
    std::vector<ExampleGroup> step = stream.next_examples();
    if (step.empty()) break;
    groups.insert(groups.end(), std::make_move_iterator(step.begin()),
                  std::make_move_iterator(step.end()));
  }
  return groups;
}

PrefixCache::PrefixCache(const Decoder& decoder, std::int64_t layers, const Dataset& dataset,
                         PrefixLayout layout, ScratchSpace space)
    : decoder_(decoder),
      layers_(layers),
      dataset_(dataset),
      layout_(std::move(layout)),
      space_(std::move(space)),
      is_kept_(dataset.examples.size()) {
  if (space_->is_on_disk()) hashes_.resize(dataset.examples.size());
}

at::Tensor PrefixCache::compute(const ExampleGroup& examples) const {
  return decoder_.states_before(layers_, to_device(batch_of(dataset_, examples), decoder_.device()))
      .cpu()
      .contiguous();
}

std::optional<PrefixLayout::Place> PrefixCache::find(std::uint32_t example) const {
  return space_ ? layout_.find(example) : std::nullopt;
}

bool PrefixCache::load(std::uint32_t example, std::uint64_t begin, at::Tensor rows) try {
  if (!is_kept_[example]) return false;
  space_->read(begin, bytes_of(rows));
  if (!hashes_.empty() && hash64(bytes_of(rows)) != hashes_[example]) {
    throw failure("the cached states of an example are damaged");
  }
  ++hits_;
  return true;
} catch (const Error& error) {
  if (!has_warned_of_damage_) {
    spdlog::warn("{}; damaged states are computed again, without further warnings",
                 error.message());
  }
  has_warned_of_damage_ = true;
  is_kept_[example] = 0;
  return false;
}

void PrefixCache::keep(const ExampleGroup& group, std::uint32_t index,
                       const at::Tensor& states) try {
  std::int64_t row = 0;
  for (const std::uint32_t example : group) {
    const at::Tensor rows = states.narrow(0, row, length(example));
    row += length(example);
    const auto place = layout_.find(example);
    if (!place || place->group != index || is_kept_[example]) continue;
    space_->write(place->begin, bytes_of(rows));
    if (!hashes_.empty()) hashes_[example] = hash64(bytes_of(rows));
    is_kept_[example] = 1;
  }
} catch (const Error& error) {
  spdlog::warn("{}; from here on the states of the frozen layers are computed each time",
               error.message());
  space_.reset();
}

at::Tensor PrefixCache::states(const ExampleGroup& examples) {
  std::int64_t tokens = 0;
  for (const std::uint32_t example : examples) tokens += length(example);
  // Pinned for a GPU, where the copy then does not block.
  const auto options =
      at::TensorOptions().dtype(decoder_.dtype()).pinned_memory(decoder_.device().is_cuda());
  const at::Tensor out = at::empty({tokens, decoder_.state_width(layers_)}, options);
  std::map<std::uint32_t, at::Tensor> computed;  // groups by index, in this call
  ExampleGroup rest;                             // examples that are not kept
  std::vector<at::Tensor> rest_rows;
  std::int64_t row = 0;
  for (const std::uint32_t example : examples) {
    const at::Tensor rows = out.narrow(0, row, length(example));
    row += length(example);
    const auto place = find(example);
    if (!place) {
      rest.push_back(example);
      rest_rows.push_back(rows);
      continue;
    }
    const auto known = computed.find(place->group);
    if (known == computed.end() && load(example, place->begin, rows)) continue;
    const ExampleGroup& group = layout_.group(place->group);
    const at::Tensor& of_group =
        known != computed.end() ? known->second : (computed[place->group] = compute(group));
    if (known == computed.end()) keep(group, place->group, of_group);
    std::int64_t before = 0;
    for (const std::uint32_t other : group) {
      if (other == example) break;
      before += length(other);
    }
    rows.copy_(of_group.narrow(0, before, length(example)));
  }
  if (!rest.empty()) {
    const at::Tensor found = compute(rest);
    std::int64_t before = 0;
    for (const at::Tensor& rows : rest_rows) {
      rows.copy_(found.narrow(0, before, rows.size(0)));
      before += rows.size(0);
    }
  }
  return out.to(decoder_.device(), /*non_blocking=*/true);
}

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
        "training.cache_prefix has no effect: there is no frozen layer below the trained ones");
    return {};
  }
  constexpr std::uint64_t kInMemory = 4'000'000'000, kOnDisk = 32'000'000'000;
  const std::uint64_t limit =
      run.training.cache_prefix_limit.value_or(kind == CachePrefix::kDisk ? kOnDisk : kInMemory);
  const std::uint64_t token_bytes = static_cast<std::uint64_t>(decoder.state_width(frozen_layers)) *
                                    at::elementSize(decoder.dtype());
  PrefixLayouts out;
  if (retention != nullptr) {
    out.retention = plan_cache("retention text", retention->text(),
                               retention->order().first_groups(), token_bytes, limit, kind);
  }
  if (repeats(run, epochs)) {
    out.training = plan_cache("training data", epochs->dataset(),
                              first_epoch_groups(BatchStream(epochs, run.training)), token_bytes,
                              limit - out.bytes(), kind);
  } else if (retention == nullptr) {
    spdlog::warn(
        "training.cache_prefix has no effect: in a single epoch no example is computed twice");
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
