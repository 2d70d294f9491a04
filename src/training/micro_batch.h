#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace expandft {

/// What decides how many sequences are computed at once. Bytes are of one rank.
struct MicroBatchLimits {
  std::vector<std::int64_t> lengths;  // tokens of each sequence (pack) of an epoch, in any order
  std::optional<std::int64_t> batch_size, batch_tokens;  // of a step on all ranks: one of the two
  int ranks = 1;
  double free_bytes = 0;        // with the model in memory
  double fixed_bytes = 0;       // that training takes from these, whatever the micro-batch
  double token_bytes = 0;       // for each token of a micro-batch
  double other_bytes = 0;       // of what is computed in turn with micro-batches
  std::int64_t enough = 16384;  // tokens from which on larger micro-batches are no faster
};

struct MicroBatchChoice {
  enum class Reason { kWholeStep, kEnough, kMemory, kTooLarge };
  std::int64_t sequences = 1;
  std::int64_t tokens = 0;             // of the largest micro-batch
  double bytes = 0;                    // that training then takes, at most
  Reason reason = Reason::kWholeStep;  // what keeps it from being larger
};

/// The share of the free memory that training may fill: allocators lose some, and other programs
/// need theirs.
inline constexpr double kUsableMemory = 0.8;

/// The most sequences whose micro-batch stays within kUsableMemory of the free memory in every step
/// and every order of the data, of these: all of a rank's step, a half of it, a quarter and so on
/// (with batch_size, rounded up), or powers of two (with batch_tokens). At least 1: kTooLarge says
/// that even this may not fit. Pure.
MicroBatchChoice choose_micro_batch(const MicroBatchLimits& limits);

}  // namespace expandft
