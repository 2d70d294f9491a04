#include "kernels/cpu_dispatch.h"
#include "kernels/cpu_ops.h"
#include "kernels/simd/loss_kernels.h"
#include "kernels/stored_type.h"

#include <cmath>
#include <type_traits>

namespace expandft::cpu {
namespace {

template <typename T>
const LossKernels<T>& loss_kernels() {
#if defined(EXPANDFT_X86_KERNELS)
  if constexpr (std::is_same_v<T, Bf16>) {
    return best_of(kAvx512Bf16Losses, kAvx2Bf16Losses, kBaselineBf16Losses);
  } else {
    return best_of(kAvx512Losses, kAvx2Losses, kBaselineLosses);
  }
#else
  if constexpr (std::is_same_v<T, Bf16>) {
    return kBaselineBf16Losses;
  } else {
    return kBaselineLosses;
  }
#endif
}

template <typename Visit>
void for_each_row(const at::Tensor& logits, Visit visit) {
  for_rows(logits.size(0), logits.size(1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) visit(i);
  });
}

/// fp32 (M).
at::Tensor one_for_each_row(const at::Tensor& logits) {
  return at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> softmax_sums(at::Tensor& logits) {
  const auto plainly = [&] { return plain::softmax_sums(logits); };
  if (!logits.is_contiguous()) return plainly();
  const auto run = [&]<typename T>() {
    const std::int64_t vocabulary = logits.size(1);
    const auto kernel = loss_kernels<T>().softmax_sums;
    at::Tensor largest = one_for_each_row(logits), log_totals = one_for_each_row(logits);
    for_each_row(logits, [&](std::int64_t i) {
      const SoftmaxSums sums = kernel(numbers<T>(logits) + i * vocabulary, vocabulary);
      mutable_numbers<float>(largest)[i] = sums.largest;
      mutable_numbers<float>(log_totals)[i] = std::log(sums.total);
    });
    return std::tuple(largest, log_totals);
  };
  return with_stored_type(logits.scalar_type(), run, plainly);
}

at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets,
                         std::optional<double> softcap, bool wants_grad) {
  const auto plainly = [&] { return plain::cross_entropy(logits, targets, softcap, wants_grad); };
  if (!logits.is_contiguous()) return plainly();
  const auto run = [&]<typename T>() {
    const std::int64_t vocabulary = logits.size(1);
    const LossKernels<T>& all = loss_kernels<T>();
    const auto kernel = wants_grad ? all.cross_entropy_backward : all.cross_entropy;
    const at::Tensor wanted = targets.contiguous();
    at::Tensor losses = one_for_each_row(logits);
    for_each_row(logits, [&](std::int64_t i) {
      mutable_numbers<float>(losses)[i] =
          kernel({.vocabulary = vocabulary,
                  .target = numbers<std::int64_t>(wanted)[i],
                  .cap = static_cast<float>(softcap.value_or(0)),
                  .logits = mutable_numbers<T>(logits) + i * vocabulary});
    });
    return losses;
  };
  return with_stored_type(logits.scalar_type(), run, plainly);
}

std::tuple<at::Tensor, at::Tensor> weighted_cross_entropy(at::Tensor& logits,
                                                          const at::Tensor& targets,
                                                          const std::optional<at::Tensor>& weights,
                                                          std::optional<double> softcap) {
  const auto plainly = [&] {
    return plain::weighted_cross_entropy(logits, targets, weights, softcap);
  };
  if (!logits.is_contiguous()) return plainly();
  const auto run = [&]<typename T>() {
    const std::int64_t vocabulary = logits.size(1);
    const auto kernel = loss_kernels<T>().cross_entropy_backward;
    const at::Tensor wanted = targets.contiguous();
    const at::Tensor given = weights ? weights->to(at::kFloat).contiguous() : at::Tensor();
    at::Tensor losses = one_for_each_row(logits);
    at::Tensor used = weights ? given : one_for_each_row(logits);
    for_each_row(logits, [&](std::int64_t i) {
      mutable_numbers<float>(losses)[i] =
          kernel({.vocabulary = vocabulary,
                  .target = numbers<std::int64_t>(wanted)[i],
                  .cap = static_cast<float>(softcap.value_or(0)),
                  .logits = mutable_numbers<T>(logits) + i * vocabulary,
                  .weight = weights ? numbers<float>(given)[i] : 1.0F,
                  .target_weight = weights ? nullptr : mutable_numbers<float>(used) + i});
    });
    return std::tuple(losses, used);
  };
  return with_stored_type(logits.scalar_type(), run, plainly);
}

at::Tensor top_entropy(const at::Tensor& logits, std::int64_t count) {
  const auto plainly = [&] { return plain::top_entropy(logits, count); };
  if (!logits.is_contiguous() || count > kMostLikeliest) return plainly();
  const auto run = [&]<typename T>() {
    const std::int64_t vocabulary = logits.size(1);
    const auto kernel = loss_kernels<T>().top_entropy;
    at::Tensor entropies = one_for_each_row(logits);
    for_each_row(logits, [&](std::int64_t i) {
      mutable_numbers<float>(entropies)[i] =
          kernel(numbers<T>(logits) + i * vocabulary, vocabulary, count);
    });
    return entropies;
  };
  return with_stored_type(logits.scalar_type(), run, plainly);
}

at::Tensor kl_divergence(at::Tensor& logits, const at::Tensor& reference,
                         std::optional<double> softcap, bool wants_grad) {
  const auto plainly = [&] { return plain::kl_divergence(logits, reference, softcap, wants_grad); };
  if (!logits.is_contiguous()) return plainly();
  const auto run = [&]<typename T>() {
    const std::int64_t vocabulary = logits.size(1);
    const LossKernels<T>& all = loss_kernels<T>();
    const auto kernel = wants_grad ? all.kl_divergence_backward : all.kl_divergence;
    const at::Tensor base = reference.contiguous();
    at::Tensor divergences = one_for_each_row(logits);
    for_each_row(logits, [&](std::int64_t i) {
      mutable_numbers<float>(divergences)[i] =
          kernel({.vocabulary = vocabulary,
                  .cap = static_cast<float>(softcap.value_or(0)),
                  .logits = mutable_numbers<T>(logits) + i * vocabulary,
                  .reference = numbers<T>(base) + i * vocabulary});
    });
    return divergences;
  };
  return with_stored_type(common_dtype(logits, reference), run, plainly);
}

}  // namespace expandft::cpu
