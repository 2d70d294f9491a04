#include "kernels/simd/elementwise_kernels.h"

#include "kernels/simd/simd.h"

// Compiled once for each instruction set: see attention_kernels.cpp.
namespace expandft {
namespace {

using namespace simd;

struct Activated {
  Floats value, slope;
};

/// x·σ(x).
struct Silu {
  EXPANDFT_INLINE static Floats sigmoid(Floats x) {
    return 1.0F / (1.0F + exp(smaller(-x, fill(87.0F))));
  }
  EXPANDFT_INLINE static Floats value(Floats x) { return x * sigmoid(x); }
  EXPANDFT_INLINE static Activated both(Floats x) {
    const Floats s = sigmoid(x);
    return {x * s, s * (1.0F + x * (1.0F - s))};
  }
};

/// x·(1 + tanh u) / 2 with u = √(2/π)·(x + 0.044715·x³) (arXiv 1606.08415), which is x·σ(2u).
struct GeluTanh {
  static constexpr float kScale = 1.5957691216057308F, kCubic = 0.044715F;  // 2·√(2/π)
  EXPANDFT_INLINE static Floats value(Floats x) {
    return x * Silu::sigmoid(kScale * (x + kCubic * x * x * x));
  }
  EXPANDFT_INLINE static Activated both(Floats x) {
    const Floats s = Silu::sigmoid(kScale * (x + kCubic * x * x * x));
    return {x * s, s + x * s * (1.0F - s) * kScale * (1.0F + 3 * kCubic * x * x)};
  }
};

template <typename Activation, typename T>
void gated(const GatedForward<T>& g) {
  for (std::int64_t i = 0; i < g.rows; ++i) {
    const T* gate = g.gate.data + i * g.gate.stride;
    const T* up = g.up.data + i * g.up.stride;
    T* out = g.out.data + i * g.out.stride;
    for_vectors(g.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      put(out + j, Activation::value(take(gate + j, count)) * take(up + j, count), count);
    });
  }
}

template <typename Activation, typename T>
void gated_backward(const GatedBackward<T>& g) {
  for (std::int64_t i = 0; i < g.rows; ++i) {
    const T* grad = g.grad.data + i * g.grad.stride;
    const T* gate = g.gate.data + i * g.gate.stride;
    const T* up = g.up.data + i * g.up.stride;
    T* value = g.value.data != nullptr ? g.value.data + i * g.value.stride : nullptr;
    T* dgate = g.dgate.data + i * g.dgate.stride;
    T* dup = g.dup.data + i * g.dup.stride;
    for_vectors(g.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Activated a = Activation::both(take(gate + j, count));
      const Floats d = take(grad + j, count), u = take(up + j, count);
      if (value != nullptr) put(value + j, a.value * u, count);
      put(dup + j, d * a.value, count);
      put(dgate + j, d * u * a.slope, count);
    });
  }
}

/// Σ term(first, count) over the columns, in four sums, as one would wait for each of its
/// additions.
template <typename Term>
EXPANDFT_INLINE float row_sum(std::int64_t columns, Term term) {
  Floats sums[4] = {};
  std::int64_t j = 0;
  for (; j + 4 * kFloats <= columns; j += 4 * kFloats) {
    for (std::int64_t i = 0; i < 4; ++i) sums[i] += term(j + i * kFloats, kFloats);
  }
  for_vectors(columns - j, [&](std::int64_t i, std::int64_t count)
                               EXPANDFT_INLINE_LAMBDA { sums[0] += term(j + i, count); });
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <typename T>
void norm(const NormForward<T>& n) {
  for (std::int64_t i = 0; i < n.rows; ++i) {
    const T* x = n.x + i * n.columns;
    T* y = n.y + i * n.columns;
    const float squares =
        row_sum(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
          const Floats a = take(x + j, count);
          return a * a;
        });
    const float r = 1.0F / __builtin_sqrtf(squares / static_cast<float>(n.columns) + n.eps);
    n.rstd[i] = r;
    for_vectors(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Floats normed = take(x + j, count) * r, w = take(n.weight + j, count);
      put(y + j, n.rounds_first ? rounded_to(y, normed) * w : normed * (w + n.added), count);
    });
  }
}

// With n = x·r: dx = r·(g − n·mean(g·n)), where g = dy·w (or dy·(1 + w)).
template <typename T>
void norm_backward(const NormBackward<T>& n) {
  for (std::int64_t i = 0; i < n.rows; ++i) {
    const T *dy = n.dy + i * n.columns, *x = n.x + i * n.columns;
    T* dx = n.dx + i * n.columns;
    const float r = n.rstd[i];
    const float products =
        row_sum(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
          return take(dy + j, count) * (take(n.weight + j, count) + n.added) * take(x + j, count);
        });
    const float projection = products * r * r / static_cast<float>(n.columns);
    for_vectors(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Floats g = take(dy + j, count) * (take(n.weight + j, count) + n.added);
      put(dx + j, (g - take(x + j, count) * projection) * r, count);
    });
  }
}

template <typename T>
void rotate(const Rotation<T>& turn) {
  const std::int64_t rest = turn.head_dim - 2 * turn.half;
  const float sign = turn.back ? -1.0F : 1.0F;
  for (std::int64_t t = 0; t < turn.tokens; ++t) {
    const T *cos = turn.cos + t * turn.half, *sin = turn.sin + t * turn.half;
    for (std::int64_t head = 0; head < turn.heads; ++head) {
      const T* x = turn.x.data + t * turn.x.stride + head * turn.head_dim;
      T* out = turn.out + (t * turn.heads + head) * turn.head_dim;
      for_vectors(turn.half, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
        const Floats a = take(x + j, count), b = take(x + turn.half + j, count);
        const Floats c = take(cos + j, count), s = take(sin + j, count) * sign;
        put(out + j, a * c - b * s, count);
        put(out + turn.half + j, b * c + a * s, count);
      });
      for (std::int64_t j = 0; j < rest; ++j) out[2 * turn.half + j] = x[2 * turn.half + j];
    }
  }
}

template <typename T>
constexpr ElementwiseKernels<T> elementwise() {
  return {.silu = {.forward = gated<Silu, T>, .backward = gated_backward<Silu, T>},
          .gelu_tanh = {.forward = gated<GeluTanh, T>, .backward = gated_backward<GeluTanh, T>},
          .norm = norm<T>,
          .norm_backward = norm_backward<T>,
          .rotate = rotate<T>};
}

}  // namespace

extern const ElementwiseKernels<float> EXPANDFT_KERNELS(Elementwise) = elementwise<float>();
extern const ElementwiseKernels<Bf16> EXPANDFT_KERNELS(Bf16Elementwise) = elementwise<Bf16>();

}  // namespace expandft
