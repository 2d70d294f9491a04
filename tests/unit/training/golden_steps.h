#pragma once

#include "data/dataset.h"
#include "golden.h"
#include "training/lr_scheduler.h"
#include "training/retention.h"
#include "training/train_step.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace expandft {

/// Step t of a golden: two micro-batches of two sequences.
inline StepBatch golden_step(const Golden& golden, std::int64_t t) {
  const TokenBatch all = golden.batch("batch" + std::to_string(t) + ".");
  StepBatch batch;
  for (const std::size_t first : {0U, 2U}) {
    TokenBatch piece;
    const auto begin = static_cast<std::size_t>(all.offsets[first]);
    const auto end = static_cast<std::size_t>(all.offsets[first + 2]);
    piece.ids.assign(all.ids.begin() + begin, all.ids.begin() + end);
    piece.targets.assign(all.targets.begin() + begin, all.targets.begin() + end);
    piece.positions.assign(all.positions.begin() + begin, all.positions.begin() + end);
    piece.offsets = {0, all.offsets[first + 1] - all.offsets[first],
                     all.offsets[first + 2] - all.offsets[first]};
    batch.targets += piece.target_count();
    batch.micro_batches.push_back(piece);
  }
  return batch;
}

/// A golden's retention text.
inline Dataset golden_retention_text(const Golden& golden) {
  Dataset text;
  const TokenBatch all = golden.batch("retention.");
  for (std::size_t i = 0; i + 1 < all.offsets.size(); ++i) {
    Example example;
    example.tokens.assign(all.ids.begin() + all.offsets[i], all.ids.begin() + all.offsets[i + 1]);
    example.learned.assign(example.tokens.size(), 1);
    text.examples.push_back(std::move(example));
  }
  return text;
}

/// The largest differences from a golden over its twenty steps.
struct Gaps {
  double loss = 0, norm = 0, divergence = 0;
};

/// Trains like the golden and compares step by step. `prefix`: of the names in the golden.
inline Gaps train_as_golden(const Golden& golden, const std::string& prefix, const Decoder& decoder,
                            const Adaptation& adaptation, const TrainingConfig& training,
                            const Retention* retention = nullptr) {
  AdamW optimizer(adaptation.parameters(), training);
  const auto gap = [&](const char* name, std::int64_t t, double found) {
    return std::abs(found - golden.tensor(prefix + name)[t].item<double>());
  };
  Gaps gaps;
  for (std::int64_t t = 0; t < 20; ++t) {
    StepOptions options{.learning_rate = learning_rate_at(training, t, 20),
                        .max_grad_norm = training.max_grad_norm};
    if (retention != nullptr) options.further = retention->term(decoder, adaptation, t);
    const QueuedStep step = queue_step(decoder, optimizer, golden_step(golden, t), options);
    const StepResult result = results_of({&step, 1}).front();
    gaps.loss = std::max(gaps.loss, gap("losses", t, result.loss));
    gaps.norm = std::max(gaps.norm, gap("grad_norms", t, result.gradient_norm));
    if (retention != nullptr) {
      gaps.divergence = std::max(gaps.divergence, gap("divergences", t, result.retention.value()));
    }
  }
  return gaps;
}

}  // namespace expandft
