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

/// The examples of each step's retention text. Every part of the data set (Dataset::parts; all of
/// it if it has none) is a text of its own, which is gone through epoch after epoch, each in an
/// order of its own. A step's sequences are dealt out so that each text has its share of all of
/// them, as nearly as whole numbers allow; shares are the parts' weights over their sum. A step's
/// examples depend only on its number and the seed, so a resumed run uses the same ones.
class RetentionOrder {
 public:
  /// `text` must outlive it. `batch_size`: sequences a step, at most as many as there are.
  RetentionOrder(const Dataset& text, std::int64_t batch_size, std::uint64_t seed);

  ExampleGroup of(std::int64_t step) const;
  /// The examples of each step, until all examples have been used once.
  std::vector<ExampleGroup> first_groups() const;

 private:
  struct Text {
    std::uint32_t begin = 0;  // its first example
    std::int64_t examples = 0;
    double share = 1;
    // The order of its newest epoch, and how many of its sequences have been dealt.
    ExampleGroup order = {};
    std::int64_t epoch = -1, dealt = 0;
  };
  std::uint32_t next_of(Text& text, std::size_t index) const;

  std::int64_t batch_size_;
  std::uint64_t seed_;
  // Where the dealing has come to: another step is reached from here, or else from the start.
  mutable std::vector<Text> texts_;
  mutable std::int64_t next_step_ = 0;
  mutable ExampleGroup newest_;  // of the step before next_step_
};

/// Keeps the tuned model close to its base on text like that of the base's own training: adds
/// weight · mean over tokens of KL(base ‖ tuned), weight · mean loss of the tuned model (replay),
/// or both, to the loss of each step. The base is the same decoder at strength 0, so there is no
/// second model in memory, except the weights that methods which overwrite them keep.
class Retention {
 public:
  /// `text` must outlive it. Each step takes `batch_size` of its examples; of these each rank takes
  /// its share. The `frozen_layers` below all trained ones are computed once for both base and
  /// tuned model.
  Retention(const RetentionConfig& config, const Dataset& text, std::uint64_t seed,
            std::int64_t frozen_layers = 0, StreamShare share = {});

  /// The term of a step's loss. What it refers to must outlive the step.
  FurtherTerm term(const Decoder& decoder, const Adaptation& adaptation, std::int64_t step) const;

  const Dataset& text() const { return text_; }
  const RetentionOrder& order() const { return order_; }
  /// From now on the frozen layers' states come from this cache of the text; null: no cache.
  void use(std::unique_ptr<PrefixCache> cache) { cache_ = std::move(cache); }

 private:
  bool diverges() const { return config_.loss != RetentionLoss::kCrossEntropy; }
  bool replays() const { return config_.loss != RetentionLoss::kDivergence; }
  /// Tokens of the examples that are compared: those before a learned one, and the last.
  std::int64_t compared_tokens(const ExampleGroup& examples) const;
  std::int64_t targets(const ExampleGroup& examples) const;
  /// The last hidden states of base (without gradients) and tuned model, and the base's head.
  struct Hidden {
    at::Tensor base, base_head, tuned;
  };
  Hidden hidden(const Decoder& decoder, const Adaptation& adaptation, const TokenTensors& tokens,
                const ExampleGroup& examples) const;
  /// Adds the term's gradients times `factor` to the parameters' gradients. Returns this rank's
  /// part of the mean divergence and of the mean loss, unweighted (nats per token): (2), 0 for what
  /// is not computed. The adaptation is at strength 1 before and afterwards.
  at::Tensor backward(const Decoder& decoder, const Adaptation& adaptation, std::int64_t step,
                      double factor) const;

  RetentionConfig config_;
  const Dataset& text_;
  RetentionOrder order_;
  std::int64_t frozen_layers_;
  StreamShare share_;
  std::unique_ptr<PrefixCache> cache_;
};

}  // namespace expandft
