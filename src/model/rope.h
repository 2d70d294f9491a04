#pragma once

#include "families/decoder_spec.h"

#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Inverse frequencies of the rotary embedding: (dim / 2), one for each pair of the `dim` numbers
/// it rotates. Those of LongRoPE depend on the `length` of the sequence. Formulas as in
/// transformers' modeling_rope_utils.
std::vector<double> rope_frequencies(const RopeSpec& spec, std::int64_t dim, std::int64_t length);

/// Whether a sequence keeps its frequencies when it grows from one length to another.
bool same_frequencies(const RopeSpec& spec, std::int64_t before, std::int64_t after);

/// Rotations of tokens: cos and sin of the angles, each (N, dim / 2), computed in fp32 and then
/// cast. Undefined for layers without position embedding.
struct RopeAngles {
  at::Tensor cos, sin;
  at::Tensor query_scale;  // (N, 1, 1): multiplies queries; undefined: 1
};

/// The angles of a pack of sequences, whose tokens are at positions (N): sequence i is tokens
/// [offsets[i], offsets[i+1]).
RopeAngles rope_angles(const RopeSpec& spec, std::int64_t dim, const at::Tensor& positions,
                       const std::vector<std::int64_t>& offsets, at::ScalarType dtype);

/// The angles of the last `n` of the `length` tokens of one sequence, on the device of `options`.
RopeAngles rope_angles(const RopeSpec& spec, std::int64_t dim, std::int64_t length, std::int64_t n,
                       const at::TensorOptions& options, at::ScalarType dtype);

/// The angles of the last token of each of several sequences of these lengths, at positions (N).
RopeAngles newest_rope_angles(const RopeSpec& spec, std::int64_t dim, const at::Tensor& positions,
                              const std::vector<std::int64_t>& lengths, at::ScalarType dtype);

/// Rotates the first `dim` numbers of each head of keys (N, heads, head_dim) by the angles of their
/// token, in pairs (i, i + dim/2). Differentiable.
at::Tensor apply_rope(const at::Tensor& keys, const RopeAngles& angles);
/// The same for queries, which it also scales.
at::Tensor apply_rope_to_queries(const at::Tensor& queries, const RopeAngles& angles);

}  // namespace expandft
