#pragma once

#include "kernels/simd/attention_kernels.h"

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

// The buffers of cpu_attention. A pack goes through in waves of sequences, so that they stay small.

struct AttentionSequence {
  std::int64_t begin = 0, length = 0;  // its tokens
  std::int64_t row = 0;                // the first of its sum_rows(length) rows in a wave's buffers
};

/// Sequences whose buffers are in memory together.
struct AttentionWave {
  std::vector<AttentionSequence> sequences;
  std::int64_t rows = 0;
};

/// The sequences of a pack, in waves of about 2^21 numbers in all heads, or of one sequence.
inline std::vector<AttentionWave> waves_of(const std::vector<std::int64_t>& offsets,
                                           std::int64_t numbers_per_row) {
  constexpr std::int64_t kNumbers = 1 << 21;
  std::vector<AttentionWave> waves;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t length = offsets[i + 1] - offsets[i];
    if (length == 0) continue;
    if (waves.empty() || waves.back().rows * numbers_per_row >= kNumbers) waves.emplace_back();
    AttentionWave& wave = waves.back();
    wave.sequences.push_back({offsets[i], length, wave.rows});
    wave.rows += sum_rows(length);
  }
  return waves;
}

/// fp32 numbers, aligned to vectors and not initialised.
inline at::Tensor unset_numbers(std::int64_t count) {
  return at::empty({count}, at::kFloat);
}

/// Rows of `width` numbers for each head and sequence of a wave.
class WaveBuffer {
 public:
  WaveBuffer(const AttentionWave& wave, std::int64_t heads, std::int64_t width)
      : rows_(wave.rows), width_(width), numbers_(unset_numbers(heads * rows_ * width)) {}

  float* at(const AttentionSequence& sequence, std::int64_t head) const {
    return numbers_.mutable_data_ptr<float>() + (head * rows_ + sequence.row) * width_;
  }
  /// From one head to the next.
  std::int64_t head_stride() const { return rows_ * width_; }

 private:
  std::int64_t rows_, width_;
  at::Tensor numbers_;
};

}  // namespace expandft
