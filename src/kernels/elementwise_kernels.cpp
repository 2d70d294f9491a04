#include "kernels/elementwise_kernels.h"

#include "kernels/simd.h"

// Compiled once for each instruction set: see attention_kernels.cpp.
namespace expandft {
namespace {

using namespace simd;

typedef double Doubles __attribute__((vector_size(2 * EXPANDFT_VECTOR_BYTES)));  // of kFloats

/// Calls visit(first, count) for each vector of columns; only the last can be partial.
template <typename Visit>
EXPANDFT_INLINE void for_vectors(std::int64_t columns, Visit visit) {
  std::int64_t j = 0;
  for (; j + kFloats <= columns; j += kFloats) visit(j, kFloats);
  if (j < columns) visit(j, columns - j);
}
EXPANDFT_INLINE Floats take(const float* from, std::int64_t count) {
  return count == kFloats ? load(from) : load_some(from, count);
}
EXPANDFT_INLINE void put(float* to, Floats x, std::int64_t count) {
  if (count == kFloats) {
    store(to, x);
  } else {
    store_some(to, x, count);
  }
}

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

template <typename Activation>
void gated(const GatedForward& g) {
  for (std::int64_t i = 0; i < g.rows; ++i) {
    const float* gate = g.gate.data + i * g.gate.stride;
    const float* up = g.up.data + i * g.up.stride;
    float* out = g.out.data + i * g.out.stride;
    for_vectors(g.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      put(out + j, Activation::value(take(gate + j, count)) * take(up + j, count), count);
    });
  }
}

template <typename Activation>
void gated_backward(const GatedBackward& g) {
  for (std::int64_t i = 0; i < g.rows; ++i) {
    const float* grad = g.grad.data + i * g.grad.stride;
    const float* gate = g.gate.data + i * g.gate.stride;
    const float* up = g.up.data + i * g.up.stride;
    float* value = g.value.data != nullptr ? g.value.data + i * g.value.stride : nullptr;
    float* dgate = g.dgate.data + i * g.dgate.stride;
    float* dup = g.dup.data + i * g.dup.stride;
    for_vectors(g.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Activated a = Activation::both(take(gate + j, count));
      const Floats d = take(grad + j, count), u = take(up + j, count);
      if (value != nullptr) put(value + j, a.value * u, count);
      put(dup + j, d * a.value, count);
      put(dgate + j, d * u * a.slope, count);
    });
  }
}

void norm(const NormForward& n) {
  for (std::int64_t i = 0; i < n.rows; ++i) {
    const float* x = n.x + i * n.columns;
    float* y = n.y + i * n.columns;
    Floats squares = {};
    for_vectors(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Floats a = take(x + j, count);
      squares += a * a;
    });
    const float r = 1.0F / __builtin_sqrtf(sum(squares) / static_cast<float>(n.columns) + n.eps);
    n.rstd[i] = r;
    const float one = n.adds_one ? 1.0F : 0.0F;
    for_vectors(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      put(y + j, take(x + j, count) * r * (take(n.weight + j, count) + one), count);
    });
  }
}

// With n = x·r: dx = r·(g − n·mean(g·n)), where g = dy·w (or dy·(1 + w)).
void norm_backward(const NormBackward& n) {
  const float one = n.adds_one ? 1.0F : 0.0F;
  for (std::int64_t i = 0; i < n.rows; ++i) {
    const float *dy = n.dy + i * n.columns, *x = n.x + i * n.columns;
    float* dx = n.dx + i * n.columns;
    const float r = n.rstd[i];
    Floats products = {};
    for_vectors(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      products += take(dy + j, count) * (take(n.weight + j, count) + one) * take(x + j, count);
    });
    const float projection = sum(products) * r * r / static_cast<float>(n.columns);
    for_vectors(n.columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Floats g = take(dy + j, count) * (take(n.weight + j, count) + one);
      put(dx + j, (g - take(x + j, count) * projection) * r, count);
    });
  }
}

void rotate(const Rotation& turn) {
  const std::int64_t rest = turn.head_dim - 2 * turn.half;
  const float sign = turn.back ? -1.0F : 1.0F;
  for (std::int64_t t = 0; t < turn.tokens; ++t) {
    const float *cos = turn.cos + t * turn.half, *sin = turn.sin + t * turn.half;
    for (std::int64_t head = 0; head < turn.heads; ++head) {
      const float* x = turn.x.data + t * turn.x.stride + head * turn.head_dim;
      float* out = turn.out + (t * turn.heads + head) * turn.head_dim;
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

EXPANDFT_INLINE float peak_of(const float* logits, std::int64_t vocabulary) {
  Floats most = fill(logits[0]);
  std::int64_t j = 0;
  for (; j + kFloats <= vocabulary; j += kFloats) most = larger(most, load(logits + j));
  float peak = largest(most);
  for (; j < vocabulary; ++j) peak = logits[j] > peak ? logits[j] : peak;
  return peak;
}

/// The first `count` numbers of a vector; the others become zero.
EXPANDFT_INLINE Floats first(Floats x, std::int64_t count) {
  for (std::int64_t i = count; i < kFloats; ++i) x[i] = 0;
  return x;
}

/// Σ term(first, count) over the columns. The many small terms of a large vocabulary would be lost
/// next to a large one, so only a few vectors at a time are summed in fp32, and their sums in
/// double.
template <typename Term>
EXPANDFT_INLINE float long_sum(std::int64_t columns, Term term) {
  constexpr std::int64_t kStretch = 16 * kFloats;
  Doubles total = {};
  for (std::int64_t begin = 0; begin < columns; begin += kStretch) {
    const std::int64_t left = columns - begin;
    Floats part = {};
    for_vectors(left < kStretch ? left : kStretch,
                [&](std::int64_t j, std::int64_t count)
                    EXPANDFT_INLINE_LAMBDA { part += first(term(begin + j, count), count); });
    total += __builtin_convertvector(part, Doubles);
  }
  double sum = 0;
  for (int i = 0; i < kFloats; ++i) sum += total[i];
  return static_cast<float>(sum);
}

/// Σ e^(logit − peak); also stores the terms in `keep`, unless it is null.
EXPANDFT_INLINE float exponentials(const float* logits, std::int64_t vocabulary, float peak,
                                   float* keep) {
  return long_sum(vocabulary, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
    const Floats e = exp(take(logits + j, count) - peak);
    if (keep != nullptr) put(keep + j, e, count);
    return e;
  });
}

float cross_entropy(const CrossEntropyRow& row) {
  const float peak = peak_of(row.logits, row.vocabulary);
  const float total = exponentials(row.logits, row.vocabulary, peak, nullptr);
  return __builtin_logf(total) - (row.logits[row.target] - peak);
}

// d loss / d logits = softmax − onehot(target), times 1 − (logit / cap)² with a cap.
float cross_entropy_backward(const CrossEntropyRow& row) {
  const float peak = peak_of(row.logits, row.vocabulary), at_target = row.logits[row.target];
  float total = 0;
  if (row.cap > 0) {
    total = exponentials(row.logits, row.vocabulary, peak, nullptr);
    const float factor = 1.0F / total, inverse = 1.0F / row.cap;
    for_vectors(row.vocabulary, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      const Floats x = take(row.logits + j, count), part = x * inverse;
      put(row.logits + j, exp(x - peak) * factor * (1.0F - part * part), count);
    });
    const float part = at_target * inverse;
    row.logits[row.target] -= 1.0F - part * part;
  } else {
    total = exponentials(row.logits, row.vocabulary, peak, row.logits);
    const float factor = 1.0F / total;
    for_vectors(row.vocabulary, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      put(row.logits + j, take(row.logits + j, count) * factor, count);
    });
    row.logits[row.target] -= 1.0F;
  }
  return __builtin_logf(total) - (at_target - peak);
}

/// KL(p ‖ q) = Σ p·(log p − log q). Its gradient is q − p, with a cap as above. For equal rows both
/// are exactly 0.
template <bool WantsGrad>
float kl_divergence(const KlDivergenceRow& row) {
  const std::int64_t vocabulary = row.vocabulary;
  const float peak = peak_of(row.logits, vocabulary), peak_p = peak_of(row.reference, vocabulary);
  const float log_total = __builtin_logf(exponentials(row.logits, vocabulary, peak, nullptr));
  const float log_total_p =
      __builtin_logf(exponentials(row.reference, vocabulary, peak_p, nullptr));
  const float inverse = row.cap > 0 ? 1.0F / row.cap : 0.0F;
  return long_sum(vocabulary, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
    const Floats x = take(row.logits + j, count);
    const Floats log_q = (x - peak) - log_total;
    const Floats log_p = (take(row.reference + j, count) - peak_p) - log_total_p;
    const Floats p = exp(log_p);
    if constexpr (WantsGrad) {
      const Floats part = x * inverse;
      put(row.logits + j, (exp(log_q) - p) * (1.0F - part * part), count);
    }
    return p * (log_p - log_q);
  });
}

}  // namespace

extern const ElementwiseKernels EXPANDFT_KERNELS(Elementwise) = {
    .silu = {.forward = gated<Silu>, .backward = gated_backward<Silu>},
    .gelu_tanh = {.forward = gated<GeluTanh>, .backward = gated_backward<GeluTanh>},
    .norm = norm,
    .norm_backward = norm_backward,
    .rotate = rotate,
    .cross_entropy = cross_entropy,
    .cross_entropy_backward = cross_entropy_backward,
    .kl_divergence = kl_divergence<false>,
    .kl_divergence_backward = kl_divergence<true>,
};

}  // namespace expandft
