#pragma once

#include "families/decoder_spec.h"

#include <cstdint>
#include <driver_types.h>

namespace expandft::gpu {

// The kernels of src/cuda as the host calls them: raw pointers on the stream's device, no LibTorch.
// All tensors of a call have one dtype; arithmetic is in fp32, and rounded to the dtype where the
// operators of plain_ops.h round. Calls queue work and return; a failed launch leaves its error for
// cudaGetLastError. Numbers are read 16 bytes at a time where alignment allows it.

enum class Number { kFloat32, kBFloat16, kFloat16 };

/// A matrix of contiguous rows that are `stride` numbers apart.
struct Rows {
  void* data = nullptr;
  std::int64_t stride = 0;
};
struct ConstRows {
  const void* data = nullptr;
  std::int64_t stride = 0;
};

/// With `rounds_first`, y = x·r·w with r = rsqrt(mean(x²) + eps), which is stored in rstd (rows),
/// and x·r rounded before; otherwise y = x·r·(w + added), rounded only at the end.
struct NormForward {
  Number number;
  std::int64_t rows = 0, columns = 0;
  float eps = 0;
  bool rounds_first = true;
  float added = 0;  // to the weights
  ConstRows x;
  const void* weight = nullptr;  // (columns)
  void* y = nullptr;             // contiguous
  float* rstd = nullptr;
};
void launch_norm(const NormForward& norm, cudaStream_t stream);

/// Its gradient with respect to x.
struct NormBackward {
  Number number;
  std::int64_t rows = 0, columns = 0;
  float added = 0;  // to the weights
  ConstRows dy, x;
  const void* weight = nullptr;
  const float* rstd = nullptr;
  void* dx = nullptr;  // contiguous
};
void launch_norm_backward(const NormBackward& norm, cudaStream_t stream);

/// Rotates the pairs (i, i + half) of each head by the angles of its token, and copies the numbers
/// after them.
struct Rotation {
  Number number;
  std::int64_t tokens = 0, heads = 0, head_dim = 0, half = 0;
  bool back = false;
  const void* x = nullptr;                         // (tokens, heads, head_dim)
  std::int64_t token_stride = 0, head_stride = 0;  // of x
  const void *cos = nullptr, *sin = nullptr;       // (tokens, half), contiguous
  void* out = nullptr;                             // contiguous
};
void launch_rotate(const Rotation& rotation, cudaStream_t stream);

/// act(gate) ⊙ up.
struct GatedForward {
  Number number;
  Activation activation;
  std::int64_t rows = 0, columns = 0;
  ConstRows gate, up;
  Rows out;
};
void launch_gated(const GatedForward& gated, cudaStream_t stream);

/// Its gradients. `value`, act(gate) ⊙ up again, is not computed if its data is null.
struct GatedBackward {
  Number number;
  Activation activation;
  std::int64_t rows = 0, columns = 0;
  ConstRows grad, gate, up;
  Rows value, dgate, dup;
};
void launch_gated_backward(const GatedBackward& gated, cudaStream_t stream);

/// −log softmax(logits)[target] of each row; NaN for a target that is not a column.
struct CrossEntropy {
  Number number;
  std::int64_t rows = 0, columns = 0;
  float cap = 0;            // logits are cap·tanh(x / cap); 0: no cap
  bool wants_grad = false;  // overwrites the logits with their gradient
  Rows logits;
  const std::int64_t* targets = nullptr;
  float* losses = nullptr;
  // Of the gradient: a weight for each row, or the target's probability, which is stored. Neither:
  // all are 1.
  const float* weights = nullptr;
  float* target_weights = nullptr;
};
void launch_cross_entropy(const CrossEntropy& loss, cudaStream_t stream);

}  // namespace expandft::gpu
