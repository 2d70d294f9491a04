#pragma once

#include <cstdint>

#include <ATen/ATen.h>

namespace expandft {

/// Gathers, a chunk of rows at a time, what a loss of the logits hidden·headᵀ sends back: to hidden
/// (M, h) dlogits·head, to head (V, h) the sum of dlogitsᵀ·hidden, each only if it is asked for.
/// Gradients of logits are small shares of 1, and float16 has none below 6e-8: there those of
/// `hidden` are kept larger by a power of two, which scaled_hidden takes off.
class HeadGradients {
 public:
  HeadGradients(const at::Tensor& hidden, const at::Tensor& head);

  /// dlogits (rows, V) of the rows from `begin` on, in fp32.
  void add(std::int64_t begin, const at::Tensor& dlogits);

  // Undefined when not asked for.
  const at::Tensor& hidden() const { return dhidden_; }
  const at::Tensor& head() const { return dhead_; }

 private:
  at::Tensor hidden_, head_, dhidden_, dhead_;
};

/// The logits whose place their gradients are to take: in fp32 where float16 would lose these.
at::Tensor ready_for_gradients(const at::Tensor& logits);

/// What backward returns for `hidden` and `head`: what HeadGradients gathered, times `by` (a scalar
/// in fp32), where there is a gradient.
at::Tensor scaled_hidden(const at::Tensor& gradient, const at::Tensor& by);
at::Tensor scaled_head(const at::Tensor& gradient, const at::Tensor& by);

}  // namespace expandft
