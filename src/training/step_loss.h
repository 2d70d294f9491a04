#pragma once

#include "config/run_config.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "model/loss.h"
#include "runtime/rank_group.h"
#include "training/batch_stream.h"
#include "training/prefix_cache.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// What the loss of a step has besides the mean negative log-likelihood of its targets.
struct LossOptions {
  TokenWeights token_weights = TokenWeights::kNone;
  double stm_threshold = 2.5;         // perplexity under the base; of kStm
  double data_retention = 0;          // λ of the mean KL(base ‖ tuned) over the targets; 0: none
  const Adaptation* adaptation = {};  // required by asks_base()
  std::int64_t frozen_layers = 0;     // below all trained ones: base and tuned model share them

  /// Whether the base has to compute each micro-batch too.
  bool asks_base() const { return token_weights == TokenWeights::kStm || data_retention > 0; }
  bool is_plain() const { return token_weights == TokenWeights::kNone && data_retention == 0; }
};

/// The options of a run. The adaptation must outlive them.
LossOptions loss_options(const RunConfig& run, const Adaptation& adaptation,
                         std::int64_t frozen_layers);

/// The losses of a micro-batch, summed over its targets.
struct MicroBatchLoss {
  at::Tensor total;  // what backward starts from: Σ weight·loss + λ·Σ divergence, in fp32
  at::Tensor sums;   // (3), float64: as TokenLosses::sums; undefined with plain options
};

/// Computes the losses of a step's micro-batches, one after the other.
///
/// Where the base is asked, it computes a micro-batch in a pass without gradients, of the layers
/// that are not frozen below the trained ones only; the adaptation is at strength 1 before and
/// afterwards. With kStm the pass comes before the first micro-batch for all of them: the loss is
/// the mean over the targets that count, on all ranks, and these are then known.
class StepLoss {
 public:
  /// All ranks make one for each step. `idle`: passes that this rank computes only because others
  /// do. `prefix` may be null; all else must outlive it.
  StepLoss(const Decoder& decoder, const StepBatch& batch, const LossOptions& options,
           PrefixCache* prefix, std::int64_t idle, const RankGroup& group);

  /// Of micro-batch `index`, to be asked in ascending order from -idle on. An idle one has zeros,
  /// and gradients that are 0.
  MicroBatchLoss of(std::int64_t index);

 private:
  /// A micro-batch before the tuned model computes it.
  struct Prepared {
    TokenTensors tokens;
    std::int64_t layer = 0;  // the first that is to be computed, from `states`
    at::Tensor states;       // undefined: from the tokens
    TokenLossTerms terms;
  };
  Prepared prepare(std::int64_t index) const;
  void ask_base(Prepared& prepared) const;
  at::Tensor hidden(const Prepared& prepared) const;

  const Decoder& decoder_;
  const StepBatch& batch_;
  const LossOptions& options_;
  PrefixCache* prefix_;
  std::int64_t idle_;
  std::vector<Prepared> prepared_;  // of kStm: each until it is computed
};

}  // namespace expandft
