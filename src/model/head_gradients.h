#pragma once

#include <cstdint>

#include <ATen/ATen.h>

namespace expandft {

/// Gathers, a chunk of rows at a time, what a loss of the logits hidden·headᵀ sends back: to hidden
/// (M, h) dlogits·head, to head (V, h) the sum of dlogitsᵀ·hidden, each only if it is asked for.
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

/// gradient · by, where there is a gradient.
at::Tensor scaled(const at::Tensor& gradient, const at::Tensor& by);

}  // namespace expandft
