#pragma once

#include "families/decoder_spec.h"

#include <cstdint>
#include <driver_types.h>

namespace expandft::gpu {

// The kernels of src/cuda, as called from the host: raw pointers on the stream's device, nothing of
// LibTorch. Numbers are read and written in one dtype, computed in fp32, and rounded to the dtype
// where the operators of plain_ops.h round. Calls queue the work and return; a launch that fails
// leaves its error for cudaGetLastError. Reads take 16 bytes at once where alignment allows it.

enum class Number { kFloat32, kBFloat16, kFloat16 };

/// Rows of numbers that lie side by side; rows are `stride` numbers apart.
struct Rows {
  void* data = nullptr;
  std::int64_t stride = 0;
};
struct ConstRows {
  const void* data = nullptr;
  std::int64_t stride = 0;
};

/// y = x·r·w with r = rsqrt(mean(x²) + eps), which is kept in rstd (rows). With `adds_one`, 1 + w
/// takes w's place and nothing is rounded before the end; without, x·r is rounded first.
struct NormForward {
  Number number;
  std::int64_t rows = 0, columns = 0;
  float eps = 0;
  bool adds_one = false;
  ConstRows x;
  const void* weight = nullptr;  // (columns)
  void* y = nullptr;             // contiguous
  float* rstd = nullptr;
};
void launch_norm(const NormForward& norm, cudaStream_t stream);

/// dx of it.
struct NormBackward {
  Number number;
  std::int64_t rows = 0, columns = 0;
  bool adds_one = false;
  ConstRows dy, x;
  const void* weight = nullptr;
  const float* rstd = nullptr;
  void* dx = nullptr;  // contiguous
};
void launch_norm_backward(const NormBackward& norm, cudaStream_t stream);

/// Turns pairs (i, i + half) of each head by its token's angles; what is behind them is copied.
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

/// Its gradients; value, which is act(gate) ⊙ up again, may be left out (data null).
struct GatedBackward {
  Number number;
  Activation activation;
  std::int64_t rows = 0, columns = 0;
  ConstRows grad, gate, up;
  Rows value, dgate, dup;
};
void launch_gated_backward(const GatedBackward& gated, cudaStream_t stream);

/// −log softmax(logits)[target] of each row. A target that is no column gives NaN.
struct CrossEntropy {
  Number number;
  std::int64_t rows = 0, columns = 0;
  float cap = 0;            // of logits that went through cap·tanh(x / cap); 0: none
  bool wants_grad = false;  // the gradient takes the place of the logits
  Rows logits;
  const std::int64_t* targets = nullptr;
  float* losses = nullptr;
};
void launch_cross_entropy(const CrossEntropy& loss, cudaStream_t stream);

}  // namespace expandft::gpu
