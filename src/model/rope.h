#pragma once

#include "families/decoder_spec.h"

#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Inverse frequencies of the rotary embedding, one for each pair of the `dim` numbers it turns:
/// (dim / 2). `length`: of the sequence; LongRoPE's depend on it. Formulas as in transformers'
/// modeling_rope_utils.
std::vector<double> rope_frequencies(const RopeSpec& spec, std::int64_t dim, std::int64_t length);

/// Whether a sequence keeps its frequencies when it grows from one length to another.
bool same_frequencies(const RopeSpec& spec, std::int64_t before, std::int64_t after);

/// The angles of some positions: cos and sin, each (N, dim / 2), computed in fp32, then cast.
struct RopeAngles {
  at::Tensor cos, sin;
};

/// The angles of tokens at positions (N) of sequences that lie end to end: sequence i is tokens
/// [offsets[i], offsets[i+1]).
RopeAngles rope_angles(const RopeSpec& spec, std::int64_t dim, const at::Tensor& positions,
                       const std::vector<std::int64_t>& offsets, at::ScalarType dtype);

/// The angles of the last `n` of the `length` tokens of one sequence; `options` say the device.
RopeAngles rope_angles(const RopeSpec& spec, std::int64_t dim, std::int64_t length, std::int64_t n,
                       const at::TensorOptions& options, at::ScalarType dtype);

/// The angles of one token each of several sequences, at positions (N): the last of sequences of
/// these lengths.
RopeAngles newest_rope_angles(const RopeSpec& spec, std::int64_t dim, const at::Tensor& positions,
                              const std::vector<std::int64_t>& lengths, at::ScalarType dtype);

/// Turns the first `dim` numbers of each head of x (N, heads, head_dim) by the angles of its
/// tokens; the pairs are (i, i + dim/2). Differentiable in x.
at::Tensor apply_rope(const at::Tensor& x, const RopeAngles& angles);

}  // namespace expandft
