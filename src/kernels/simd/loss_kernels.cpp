#include "kernels/simd/loss_kernels.h"

#include "kernels/simd/simd.h"

// Compiled once for each instruction set: see attention_kernels.cpp.
namespace expandft {
namespace {

using namespace simd;

typedef double Doubles __attribute__((vector_size(2 * EXPANDFT_VECTOR_BYTES)));  // of kFloats

// The many small terms of a large vocabulary would be lost next to a large one, so only a stretch
// of columns is summed in fp32, and the sums of the stretches in double.
constexpr std::int64_t kStretch = 16 * kFloats;

/// Calls visit(begin, columns) for each stretch of the columns.
template <typename Visit>
EXPANDFT_INLINE void for_stretches(std::int64_t columns, Visit visit) {
  for (std::int64_t begin = 0; begin < columns; begin += kStretch) {
    const std::int64_t left = columns - begin;
    visit(begin, left < kStretch ? left : kStretch);
  }
}

/// The first `count` numbers of a vector; the others become `rest`.
EXPANDFT_INLINE Floats first(Floats x, std::int64_t count, float rest) {
  for (std::int64_t i = count; i < kFloats; ++i) x[i] = rest;
  return x;
}

EXPANDFT_INLINE double sum_of(Doubles x) {
  double total = 0;
  for (int i = 0; i < kFloats; ++i) total += x[i];
  return total;
}

EXPANDFT_INLINE float exp_of(float x) {
  return exp(fill(x))[0];
}

// One pass. Each place of a vector has its own largest logit and its own sum, of powers relative to
// a reference. That moves up only when a logit is e^kAhead times likelier, so the sums are seldom
// rescaled: each time costs an error of rounding.
template <typename T>
SoftmaxSums softmax_sums(const T* logits, std::int64_t vocabulary) {
  constexpr float kLowest = -3.40282347e38F, kAhead = 16;
  Floats most = fill(kLowest), reference = most;
  Doubles totals = {};
  for_stretches(vocabulary, [&](std::int64_t begin, std::int64_t columns) EXPANDFT_INLINE_LAMBDA {
    const T* from = logits + begin;
    for_vectors(columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      most = larger(first(take(from + j, count), count, kLowest), most);
    });
    const Floats next = most > reference + kAhead ? most : reference;
    totals *= __builtin_convertvector(exp(reference - next), Doubles);
    reference = next;
    Floats part = {};
    for_vectors(columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
      part += first(exp(take(from + j, count) - reference), count, 0);
    });
    totals += __builtin_convertvector(part, Doubles);
  });
  const float peak = largest(most);
  totals *= __builtin_convertvector(exp(reference - peak), Doubles);
  return {peak, static_cast<float>(sum_of(totals))};
}

/// The largest numbers so far, in descending order.
struct Likeliest {
  float logits[kMostLikeliest] = {};
  std::int64_t found = 0, wanted = 0;

  EXPANDFT_INLINE bool takes(float logit) const {
    return found < wanted || logit > logits[found - 1];
  }
  EXPANDFT_INLINE void add(float logit) {
    if (!takes(logit)) return;
    std::int64_t place = found < wanted ? found++ : found - 1;
    for (; place > 0 && logits[place - 1] < logit; --place) logits[place] = logits[place - 1];
    logits[place] = logit;
  }
};

// Most stretches hold no logit that is among the largest, and are passed over by their maximum.
template <typename T>
float top_entropy(const T* logits, std::int64_t vocabulary, std::int64_t count) {
  constexpr float kLowest = -3.40282347e38F;
  Likeliest top;
  top.wanted = count < kMostLikeliest ? count : kMostLikeliest;
  for_stretches(vocabulary, [&](std::int64_t begin, std::int64_t columns) EXPANDFT_INLINE_LAMBDA {
    const T* from = logits + begin;
    Floats most = fill(kLowest);
    for_vectors(columns, [&](std::int64_t j, std::int64_t n) EXPANDFT_INLINE_LAMBDA {
      most = larger(first(take(from + j, n), n, kLowest), most);
    });
    if (!top.takes(largest(most))) return;
    for (std::int64_t j = 0; j < columns; ++j) top.add(load_one(from + j));
  });
  // With e = e^(x − peak) and Z = Σ e: −Σ e/Z·log(e/Z) = log Z − Σ e·(x − peak)/Z.
  float total = 0, moment = 0;
  for (std::int64_t i = 0; i < top.found; ++i) {
    const float distance = top.logits[i] - top.logits[0], power = exp_of(distance);
    total += power;
    if (power > 0) moment += power * distance;
  }
  return __builtin_logf(total) - moment / total;
}

template <typename T>
float cross_entropy(const CrossEntropyRow<T>& row) {
  const SoftmaxSums sums = softmax_sums<T>(row.logits, row.vocabulary);
  return __builtin_logf(sums.total) - (load_one(row.logits + row.target) - sums.largest);
}

/// The derivative of cap·tanh(x / cap), given its value: 1 − (value / cap)².
struct CapSlope {
  float inverse;
  explicit EXPANDFT_INLINE CapSlope(float cap) : inverse(1.0F / cap) {}
  template <typename Number>
  EXPANDFT_INLINE Number operator()(Number value) const {
    const Number part = value * inverse;
    return 1.0F - part * part;
  }
};
/// Without a cap. The value may be infinite.
struct NoCapSlope {
  template <typename Number>
  EXPANDFT_INLINE Number operator()(Number /*value*/) const {
    return Number{} + 1.0F;
  }
};

/// Overwrites the logits with d loss / d logits = weight·(softmax − onehot(target)), times the
/// slope.
template <typename T, typename Slope>
EXPANDFT_INLINE void cross_entropy_gradient(const CrossEntropyRow<T>& row, const SoftmaxSums& sums,
                                            Slope slope) {
  T* const logits = row.logits;
  const float at_target = load_one(logits + row.target);
  float weight = row.weight;
  if (row.target_weight != nullptr) {
    weight = exp_of(at_target - sums.largest) / sums.total;
    *row.target_weight = weight;
  }
  const float peak = sums.largest, factor = weight / sums.total;
  for_vectors(row.vocabulary, [=](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
    const Floats x = take(logits + j, count);
    put(logits + j, exp(x - peak) * factor * slope(x), count);
  });
  store_one(logits + row.target, (exp_of(at_target - peak) * factor - weight) * slope(at_target));
}

template <typename T>
float cross_entropy_backward(const CrossEntropyRow<T>& row) {
  const SoftmaxSums sums = softmax_sums<T>(row.logits, row.vocabulary);
  const float at_target = load_one(row.logits + row.target);
  if (row.cap > 0) {
    cross_entropy_gradient(row, sums, CapSlope(row.cap));
  } else {
    cross_entropy_gradient(row, sums, NoCapSlope());
  }
  return __builtin_logf(sums.total) - (at_target - sums.largest);
}

/// KL(p ‖ q) = Σ p·(log p − log q). Its gradient is q − p, times the slope; it overwrites the
/// logits if WantsGrad. For equal rows both are exactly 0.
template <bool WantsGrad, typename T, typename Slope>
EXPANDFT_INLINE float divergence_of(const KlDivergenceRow<T>& row, Slope slope) {
  const SoftmaxSums q = softmax_sums<T>(row.logits, row.vocabulary);
  const SoftmaxSums p = softmax_sums<T>(row.reference, row.vocabulary);
  const float peak_q = q.largest, log_total_q = __builtin_logf(q.total);
  const float peak_p = p.largest, log_total_p = __builtin_logf(p.total);
  Doubles total = {};
  for_stretches(
      row.vocabulary, [&](std::int64_t begin, std::int64_t columns) EXPANDFT_INLINE_LAMBDA {
        T* const logits = row.logits + begin;
        const T* const reference = row.reference + begin;
        Floats part = {};
        for_vectors(columns, [&](std::int64_t j, std::int64_t count) EXPANDFT_INLINE_LAMBDA {
          const Floats x = take(logits + j, count);
          const Floats log_q = (x - peak_q) - log_total_q;
          const Floats log_p = (take(reference + j, count) - peak_p) - log_total_p;
          const Floats probability = exp(log_p);
          if constexpr (WantsGrad) put(logits + j, (exp(log_q) - probability) * slope(x), count);
          part += first(probability * (log_p - log_q), count, 0);
        });
        total += __builtin_convertvector(part, Doubles);
      });
  return static_cast<float>(sum_of(total));
}

template <typename T>
float kl_divergence(const KlDivergenceRow<T>& row) {
  return divergence_of<false>(row, NoCapSlope());
}
template <typename T>
float kl_divergence_backward(const KlDivergenceRow<T>& row) {
  return row.cap > 0 ? divergence_of<true>(row, CapSlope(row.cap))
                     : divergence_of<true>(row, NoCapSlope());
}

template <typename T>
constexpr LossKernels<T> losses() {
  return {.softmax_sums = softmax_sums<T>,
          .top_entropy = top_entropy<T>,
          .cross_entropy = cross_entropy<T>,
          .cross_entropy_backward = cross_entropy_backward<T>,
          .kl_divergence = kl_divergence<T>,
          .kl_divergence_backward = kl_divergence_backward<T>};
}

}  // namespace

extern const LossKernels<float> EXPANDFT_KERNELS(Losses) = losses<float>();
extern const LossKernels<Bf16> EXPANDFT_KERNELS(Bf16Losses) = losses<Bf16>();

}  // namespace expandft
