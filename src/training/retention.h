#pragma once

#include "config/run_config.h"
#include "data/dataset.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "training/prefix_cache.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace expandft {

/// Holds the tuned model to its base: adds weight · mean over tokens of KL(base ‖ tuned), on text
/// of the base's own kind, to a step's loss. The base is the same decoder at strength 0: no second
/// model is in memory, but for what methods that overwrite weights keep of them.
class Retention {
 public:
  /// `text` must outlive it. Each step takes `batch_size` of its sequences, chosen by seed and
  /// step.
  /// So many `frozen_layers` below all that trains are computed once for base and tuned model. Of a
  /// step's sequences each rank of a group takes its part.
  Retention(const RetentionConfig& config, const Dataset& text, std::uint64_t seed,
            std::int64_t frozen_layers = 0, StreamShare share = {});

  /// Adds the term's gradients to those that the parameters gather; returns the mean divergence
  /// (nats a token), before it is weighted, or the part that this share has in it: a scalar on the
  /// device. The adaptation is at strength 1 before and afterwards. The gradients are times
  /// `factor`.
  at::Tensor backward(const Decoder& decoder, const Adaptation& adaptation, std::int64_t step,
                      double factor = 1) const;

  /// What a step's sum of divergences is divided by in the loss: its tokens over the weight.
  double divisor(std::int64_t step) const;

  const Dataset& text() const { return text_; }
  /// The sequences of each step until all have come once.
  std::vector<ExampleGroup> first_groups() const;
  /// Takes the frozen layers' states from a cache of the text.
  void use(std::unique_ptr<PrefixCache> cache) { cache_ = std::move(cache); }

 private:
  std::int64_t batch_size() const;
  std::int64_t tokens_of(const ExampleGroup& examples) const;
  /// All sequences, in the order of an epoch.
  const ExampleGroup& order_of(std::int64_t epoch) const;
  ExampleGroup examples_of(std::int64_t step) const;

  RetentionConfig config_;
  const Dataset& text_;
  std::uint64_t seed_;
  std::int64_t frozen_layers_;
  StreamShare share_;
  std::unique_ptr<PrefixCache> cache_;
  // The last order that was asked for: step after step takes a little of it.
  mutable ExampleGroup order_;
  mutable std::int64_t order_epoch_ = -1;
};

}  // namespace expandft
