#include "training/batch_stream.h"

#include "base/error.h"

#include <numeric>
#include <string>
#include <utility>

namespace expandft {

TokenBatch batch_of(const Dataset& dataset, const ExampleGroup& examples) {
  TokenBatch batch;
  for (const std::uint32_t example : examples) batch.append(dataset.examples[example]);
  return batch;
}

BatchStream::BatchStream(std::shared_ptr<const PackedEpochs> epochs, const TrainingConfig& training,
                         StreamShare share)
    : epochs_(std::move(epochs)),
      training_(training),
      share_(share),
      at_once_(sequences_at_once(training, share.count)),
      order_(epochs_->of(0)) {}

BatchStream::BatchStream(const Dataset& dataset, const DataConfig& data,
                         const TrainingConfig& training, StreamShare share)
    : BatchStream(std::make_shared<const PackedEpochs>(dataset, data, training.seed), training,
                  share) {}

std::int64_t BatchStream::tokens_of(const Pack& pack) const {
  return std::accumulate(pack.begin(), pack.end(), std::int64_t{0},
                         [&](std::int64_t sum, std::uint32_t example) {
                           return sum + dataset().examples.length(example);
                         });
}

bool BatchStream::takes(std::int64_t packs, std::int64_t tokens, const Pack& pack) const {
  if (packs == 0) return true;  // a pack larger than batch_tokens is a step by itself
  if (training_.batch_size) return packs < *training_.batch_size;
  return tokens + tokens_of(pack) <= training_.batch_tokens.value_or(0);
}

std::vector<Pack> BatchStream::next_packs() {
  std::vector<Pack> packs;
  std::int64_t tokens = 0;
  while (true) {
    if (position_.pack == order_->size()) {
      if (is_last(position_.epoch)) break;
      seek({position_.epoch + 1, 0});
    }
    const Pack& pack = (*order_)[position_.pack];
    if (!takes(std::ssize(packs), tokens, pack)) break;
    ++position_.pack;
    tokens += tokens_of(pack);
    packs.push_back(pack);
  }
  return packs;
}

std::vector<ExampleGroup> BatchStream::micro_batches_of(const std::vector<Pack>& packs) const {
  std::vector<ExampleGroup> groups;
  for (std::size_t i = 0; i < packs.size(); ++i) {
    if (i % static_cast<std::size_t>(at_once_) == 0) groups.emplace_back();
    groups.back().insert(groups.back().end(), packs[i].begin(), packs[i].end());
  }
  return groups;
}

std::vector<ExampleGroup> BatchStream::next_examples() {
  return micro_batches_of(next_packs());
}

StepBatch BatchStream::next() {
  const std::vector<Pack> packs = next_packs();
  StepBatch step{.micro_batches = {}, .examples = micro_batches_of(share_.of(packs))};
  for (const ExampleGroup& group : step.examples) {
    step.micro_batches.push_back(batch_of(dataset(), group));
  }
  const std::int64_t most_packs = share_.largest(std::ssize(packs));
  step.most_micro_batches = (most_packs + at_once_ - 1) / at_once_;
  for (const Pack& pack : packs) {
    step.tokens += tokens_of(pack);
    for (const std::uint32_t example : pack) {
      step.targets += dataset().examples.targets(example);
    }
  }
  return step;
}

bool BatchStream::is_last(std::uint64_t epoch) const {
  return training_.epochs && epoch + 1 == static_cast<std::uint64_t>(*training_.epochs);
}

void BatchStream::seek(StreamPosition position) {
  if (training_.epochs &&
      position == StreamPosition{static_cast<std::uint64_t>(*training_.epochs)}) {
    position = {position.epoch - 1, epochs_->of(position.epoch - 1)->size()};
  }
  const bool moves = position.epoch != position_.epoch;
  PackedEpochs::Packs order = moves ? epochs_->of(position.epoch) : order_;
  const std::size_t packs = order->size();
  const bool has_epoch =
      !training_.epochs || position.epoch < static_cast<std::uint64_t>(*training_.epochs);
  if (!has_epoch || position.pack > packs) {
    throw input_error("there is no pack " + std::to_string(position.pack) + " of epoch " +
                      std::to_string(position.epoch) + " in the data");
  }
  order_ = std::move(order);
  position_ = position;
}

std::int64_t BatchStream::total_steps() const {
  return training_.max_steps ? *training_.max_steps : steps_from({});
}

std::int64_t BatchStream::steps_left() const {
  return training_.max_steps ? -1 : steps_from(position_);
}

std::int64_t BatchStream::steps_from(StreamPosition position) const {
  std::int64_t steps = 0, packs = 0, tokens = 0;
  const auto epochs = static_cast<std::uint64_t>(training_.epochs.value_or(1));
  for (; position.epoch < epochs; position = {position.epoch + 1, 0}) {
    const PackedEpochs::Packs order = epochs_->of(position.epoch);
    for (; position.pack < order->size(); ++position.pack) {
      const Pack& pack = (*order)[position.pack];
      if (!takes(packs, tokens, pack)) {
        ++steps;
        packs = tokens = 0;
      }
      ++packs;
      tokens += tokens_of(pack);
    }
  }
  return steps + (packs > 0 ? 1 : 0);
}

void BatchPrefetch::prepare() {
  prepared_ = std::async(std::launch::async, [this] {
    StepBatch step = stream_.next();
    return Prepared{std::move(step), stream_.position()};
  });
}

StepBatch BatchPrefetch::next() {
  if (!prepared_.valid()) prepare();
  Prepared prepared = prepared_.get();
  position_ = prepared.position;
  if (prepared.step.tokens > 0) prepare();
  return std::move(prepared.step);
}

}  // namespace expandft
