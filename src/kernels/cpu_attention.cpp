#include "kernels/cpu_attention.h"

#include "kernels/attention_wave.h"
#include "kernels/cpu_dispatch.h"
#include "kernels/simd/attention_kernels.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <typename T>
const AttentionKernelsOf<T>& kernels_of() {
#if defined(EXPANDFT_X86_KERNELS)
  static const AttentionKernels& best =
      best_of(kAvx512Attention, kAvx2Attention, kBaselineAttention);
#else
  static const AttentionKernels& best = kBaselineAttention;
#endif
  if constexpr (std::is_same_v<T, float>) {
    return best.fp32;
  } else {
    return best.bf16;
  }
}

/// The arrays of one call: contiguous, one row a token.
template <typename T>
struct CpuAttention {
  std::int64_t tokens = 0, heads = 0, kv_heads = 0, dim = 0, window = 0;
  float scale = 1;
  const T *q = nullptr, *k = nullptr, *v = nullptr;  // (tokens, heads | kv_heads, dim)

  /// Writes out (tokens, heads, dim) and lse (heads, tokens): log Σ exp(scale·q·k) of each row.
  void forward(const std::vector<std::int64_t>& offsets, T* out, float* lse) const;
  /// Writes dq, dk, dv (shapes of q, k, v).
  void backward(const std::vector<std::int64_t>& offsets, const T* out, const T* dout,
                const float* lse, T* dq, T* dk, T* dv) const;

 private:
  HeadShape shape_of(const AttentionSequence& sequence) const {
    return {.dim = dim,
            .row_stride = row_stride_of(dim),
            .length = sequence.length,
            .padded = padded_length(sequence.length),
            .window = std::min(window, sequence.length),
            .scale = scale};
  }
  std::int64_t place(const AttentionSequence& sequence, std::int64_t head) const {
    return (sequence.begin * heads + head) * dim;
  }
  std::int64_t key_place(const AttentionSequence& sequence, std::int64_t head) const {
    return (sequence.begin * kv_heads + head) * dim;
  }
  /// Packs the keys or values of all sequences and heads; null: that form is not needed.
  void pack(const AttentionWave& wave, const T* from, const WaveBuffer* rows,
            const WaveBuffer* columns) const;
};

template <typename T>
void CpuAttention<T>::pack(const AttentionWave& wave, const T* from, const WaveBuffer* rows,
                           const WaveBuffer* columns) const {
  for_each_task(std::ssize(wave.sequences) * kv_heads, [&](std::int64_t task) {
    const AttentionSequence& sequence = wave.sequences[static_cast<std::size_t>(task / kv_heads)];
    const std::int64_t head = task % kv_heads;
    kernels_of<T>().pack({.shape = shape_of(sequence),
                          .from = from + key_place(sequence, head),
                          .stride = kv_heads * dim,
                          .rows = rows == nullptr ? nullptr : rows->at(sequence, head),
                          .columns = columns == nullptr ? nullptr : columns->at(sequence, head)});
  });
}

template <typename T>
void CpuAttention<T>::forward(const std::vector<std::int64_t>& offsets, T* out, float* lse) const {
  struct Block {
    AttentionSequence sequence;
    std::int64_t head, first;
  };
  for (const AttentionWave& wave : waves_of(offsets, kv_heads * dim)) {
    const WaveBuffer key_columns(wave, kv_heads, dim);
    const WaveBuffer value_rows(wave, kv_heads, row_stride_of(dim));
    pack(wave, k, nullptr, &key_columns);
    pack(wave, v, &value_rows, nullptr);
    std::vector<Block> blocks;
    for (const AttentionSequence& sequence : wave.sequences) {
      const std::int64_t last = (sequence.length - 1) / kQueryBlock * kQueryBlock;
      for (std::int64_t head = 0; head < heads; ++head) {
        // The last blocks see the most keys: long tasks come first.
        for (std::int64_t first = last; first >= 0; first -= kQueryBlock) {
          blocks.push_back({sequence, head, first});
        }
      }
    }
    for_each_task(std::ssize(blocks), [&](std::int64_t task) {
      const auto& [sequence, head, first] = blocks[static_cast<std::size_t>(task)];
      const HeadShape shape = shape_of(sequence);
      const std::int64_t kv_head = head / (heads / kv_heads);
      const at::Tensor scratch = unset_numbers(forward_scratch(shape));
      kernels_of<T>().forward({.shape = shape,
                               .k = {.columns = key_columns.at(sequence, kv_head)},
                               .v = {.rows = value_rows.at(sequence, kv_head)},
                               .stride = heads * dim,
                               .first = first,
                               .count = std::min(kQueryBlock, sequence.length - first),
                               .q = q + place(sequence, head),
                               .out = out + place(sequence, head),
                               .lse = lse + head * tokens + sequence.begin,
                               .scratch = scratch.mutable_data_ptr<float>()});
    });
  }
}

template <typename T>
void CpuAttention<T>::backward(const std::vector<std::int64_t>& offsets, const T* out,
                               const T* dout, const float* lse, T* dq, T* dk, T* dv) const {
  const std::int64_t group = heads / kv_heads;
  for (const AttentionWave& wave : waves_of(offsets, heads * dim)) {
    const WaveBuffer key_rows(wave, kv_heads, row_stride_of(dim));
    const WaveBuffer key_columns(wave, kv_heads, dim), value_columns(wave, kv_heads, dim);
    pack(wave, k, &key_rows, &key_columns);
    pack(wave, v, nullptr, &value_columns);
    // Each query head sums its own gradients of keys and values, so that all are computed at once.
    const WaveBuffer dk_parts(wave, heads, row_stride_of(dim));
    const WaveBuffer dv_parts(wave, heads, row_stride_of(dim));
    const std::int64_t count = std::ssize(wave.sequences);
    for_each_task(count * heads, [&](std::int64_t task) {
      const AttentionSequence& sequence = wave.sequences[static_cast<std::size_t>(task / heads)];
      const std::int64_t head = task % heads, kv_head = head / group;
      const HeadShape shape = shape_of(sequence);
      float* dk_sums = dk_parts.at(sequence, head);
      float* dv_sums = dv_parts.at(sequence, head);
      std::fill_n(dk_sums, sum_rows(sequence.length) * shape.row_stride, 0.0F);
      std::fill_n(dv_sums, sum_rows(sequence.length) * shape.row_stride, 0.0F);
      const at::Tensor scratch = unset_numbers(backward_scratch(shape));
      kernels_of<T>().backward(
          {.shape = shape,
           .k = {key_rows.at(sequence, kv_head), key_columns.at(sequence, kv_head)},
           .v = {.columns = value_columns.at(sequence, kv_head)},
           .stride = heads * dim,
           .q = q + place(sequence, head),
           .out = out + place(sequence, head),
           .dout = dout + place(sequence, head),
           .lse = lse + head * tokens + sequence.begin,
           .dq = dq + place(sequence, head),
           .dk = dk_sums,
           .dv = dv_sums,
           .scratch = scratch.mutable_data_ptr<float>()});
    });
    for_each_task(count * kv_heads * 2, [&](std::int64_t task) {
      const AttentionSequence& sequence =
          wave.sequences[static_cast<std::size_t>(task / (kv_heads * 2))];
      const std::int64_t kv_head = task / 2 % kv_heads;
      const bool is_key = task % 2 == 0;
      const WaveBuffer& parts = is_key ? dk_parts : dv_parts;
      kernels_of<T>().add_parts({.shape = shape_of(sequence),
                                 .parts = parts.at(sequence, kv_head * group),
                                 .count = group,
                                 .part_stride = parts.head_stride(),
                                 .to = (is_key ? dk : dv) + key_place(sequence, kv_head),
                                 .stride = kv_heads * dim});
    });
  }
}

// The names of LibTorch's types, so that it refuses tensors of another.
template <typename T>
using TorchType = std::conditional_t<std::is_same_v<T, Bf16>, at::BFloat16, T>;
template <typename T>
const T* numbers_of(const at::Tensor& x) {
  return reinterpret_cast<const T*>(x.const_data_ptr<TorchType<T>>());
}
template <typename T>
T* writable_numbers_of(const at::Tensor& x) {
  return reinterpret_cast<T*>(x.mutable_data_ptr<TorchType<T>>());
}

/// Calls visit(attention) with the arrays in their type. q, k, v are contiguous.
template <typename Visit>
void with_arrays(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                 std::int64_t window, Visit visit) {
  const auto call = [&]<typename T>(CpuAttention<T> attention) {
    attention.tokens = q.size(0);
    attention.heads = q.size(1);
    attention.kv_heads = k.size(1);
    attention.dim = q.size(2);
    attention.window = window;
    attention.scale = static_cast<float>(scale);
    attention.q = numbers_of<T>(q);
    attention.k = numbers_of<T>(k);
    attention.v = numbers_of<T>(v);
    visit(attention);
  };
  if (q.scalar_type() == at::kBFloat16) {
    call(CpuAttention<Bf16>{});
  } else {
    call(CpuAttention<float>{});
  }
}

struct CpuAttentionFunction : torch::autograd::Function<CpuAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale, std::int64_t window) {
    at::Tensor out = at::empty(q.sizes(), q.options());
    at::Tensor lse = at::empty({q.size(1), q.size(0)}, q.options().dtype(at::kFloat));
    with_arrays(q, k, v, scale, window, [&]<typename T>(const CpuAttention<T>& attention) {
      attention.forward(offsets, writable_numbers_of<T>(out), lse.mutable_data_ptr<float>());
    });
    ctx->save_for_backward({q, k, v, out, lse});
    ctx->saved_data["offsets"] = offsets;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["window"] = window;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    const at::Tensor dout = grads[0].to(q.scalar_type()).contiguous();
    at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
    const std::vector<std::int64_t> offsets = ctx->saved_data["offsets"].toIntVector();
    with_arrays(q, k, v, ctx->saved_data["scale"].toDouble(), ctx->saved_data["window"].toInt(),
                [&]<typename T>(const CpuAttention<T>& attention) {
                  attention.backward(offsets, numbers_of<T>(out), numbers_of<T>(dout),
                                     lse.const_data_ptr<float>(), writable_numbers_of<T>(dq),
                                     writable_numbers_of<T>(dk), writable_numbers_of<T>(dv));
                });
    return {dq, dk, dv, {}, {}, {}};
  }
};

}  // namespace

bool suits_cpu_attention(const at::Tensor& q) {
  return q.is_cpu() && (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16);
}

at::Tensor cpu_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const std::vector<std::int64_t>& offsets, double scale,
                         std::optional<std::int64_t> window) {
  return CpuAttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous(), offsets, scale,
                                     window.value_or(q.size(0)));
}

}  // namespace expandft
