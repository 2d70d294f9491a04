#include "training/micro_batch.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace expandft {
namespace {

std::int64_t divided(std::int64_t all, std::int64_t parts) {
  return (all + parts - 1) / parts;
}

/// The most sequences of a step that a rank computes. `ascending`: their lengths, sorted.
std::int64_t most_in_step(const MicroBatchLimits& limits,
                          const std::vector<std::int64_t>& ascending) {
  std::int64_t most = 1;
  if (limits.batch_size) {
    most = std::max<std::int64_t>(*limits.batch_size, 1);
  } else {
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < ascending.size(); ++i) {
      tokens += ascending[i];
      if (tokens > limits.batch_tokens.value_or(0)) break;
      most = static_cast<std::int64_t>(i) + 1;
    }
  }
  return divided(most, limits.ranks);
}

/// Of a step's sequences, those to try, the largest first.
std::vector<std::int64_t> candidates(const MicroBatchLimits& limits, std::int64_t in_step) {
  std::vector<std::int64_t> found;
  if (limits.batch_size) {
    for (std::int64_t parts = 1; found.empty() || found.back() > 1; parts *= 2) {
      found.push_back(divided(in_step, parts));
    }
    return found;
  }
  std::int64_t power = 1;
  while (power < in_step) power *= 2;
  for (; power >= 1; power /= 2) found.push_back(power);
  return found;
}

}  // namespace

MicroBatchChoice choose_micro_batch(const MicroBatchLimits& limits) {
  std::vector<std::int64_t> ascending = limits.lengths;
  std::ranges::sort(ascending);
  const std::int64_t longest = ascending.empty() ? 0 : ascending.back();
  // No micro-batch is larger than a step, and a step of one sequence may exceed batch_tokens.
  const std::int64_t most_tokens = limits.batch_tokens ? std::max(*limits.batch_tokens, longest)
                                                       : std::numeric_limits<std::int64_t>::max();
  const auto tokens_of = [&](std::int64_t sequences) {
    const std::int64_t count = std::min<std::int64_t>(sequences, std::ssize(ascending));
    std::int64_t tokens = 0;
    for (auto at = ascending.end() - count; at != ascending.end(); ++at) tokens += *at;
    // A step of more sequences than an epoch has takes some twice.
    tokens += (sequences - count) * longest;
    return std::min(tokens, most_tokens);
  };
  MicroBatchChoice choice;
  auto reason = MicroBatchChoice::Reason::kWholeStep;
  for (const std::int64_t sequences : candidates(limits, most_in_step(limits, ascending))) {
    choice.sequences = sequences;
    choice.tokens = tokens_of(sequences);
    choice.bytes =
        limits.fixed_bytes +
        std::max(limits.token_bytes * static_cast<double>(choice.tokens), limits.other_bytes);
    choice.reason = reason;
    const bool fits = choice.bytes <= kUsableMemory * limits.free_bytes;
    if (fits && (choice.tokens <= limits.enough || sequences == 1)) return choice;
    reason = fits ? MicroBatchChoice::Reason::kEnough : MicroBatchChoice::Reason::kMemory;
  }
  choice.reason = MicroBatchChoice::Reason::kTooLarge;
  return choice;
}

}  // namespace expandft
