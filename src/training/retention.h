#pragma once

#include "config/run_config.h"
#include "data/dataset.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "training/train_step.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace expandft {

/// Keeps the tuned model close to its base: adds weight · mean over tokens of KL(base ‖ tuned), on
/// text like that of the base's own training, to the loss of each step. The base is the same
/// decoder at strength 0, so there is no second model in memory, except the weights that methods
/// which overwrite them keep.
class Retention {
 public:
  /// `text` must outlive it. Each step takes `batch_size` of its examples, chosen by seed and step;
  /// of these each rank takes its share. The `frozen_layers` below all trained ones are computed
  /// once for both base and tuned model.
  Retention(const RetentionConfig& config, const Dataset& text, std::uint64_t seed,
            std::int64_t frozen_layers = 0, StreamShare share = {});

  /// The term of a step's loss. What it refers to must outlive the step.
  FurtherTerm term(const Decoder& decoder, const Adaptation& adaptation, std::int64_t step) const;

  const Dataset& text() const { return text_; }
  /// The examples of each step, until all examples have been used once.
  std::vector<ExampleGroup> first_groups() const;
  /// From now on the frozen layers' states come from this cache of the text; null: no cache.
  void use(std::unique_ptr<PrefixCache> cache) { cache_ = std::move(cache); }

 private:
  std::int64_t batch_size() const;
  std::int64_t tokens_of(const ExampleGroup& examples) const;
  /// Adds the term's gradients times `factor` to the parameters' gradients. Returns this rank's
  /// part of the mean divergence, unweighted (nats per token): a scalar on the device. The
  /// adaptation is at strength 1 before and afterwards.
  at::Tensor backward(const Decoder& decoder, const Adaptation& adaptation, std::int64_t step,
                      double factor) const;
  /// All examples, in the order of an epoch.
  const ExampleGroup& order_of(std::int64_t epoch) const;
  ExampleGroup examples_of(std::int64_t step) const;

  RetentionConfig config_;
  const Dataset& text_;
  std::uint64_t seed_;
  std::int64_t frozen_layers_;
  StreamShare share_;
  std::unique_ptr<PrefixCache> cache_;
  // The newest order, of which each step uses a few examples.
  mutable ExampleGroup order_;
  mutable std::int64_t order_epoch_ = -1;
};

}  // namespace expandft
