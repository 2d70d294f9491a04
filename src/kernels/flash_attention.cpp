#include "kernels/flash_attention.h"

#include <algorithm>

#include <spdlog/spdlog.h>
#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The sequences of a call, in the form that the kernels take.
struct Sequences {
  at::Tensor offsets;  // (sequences + 1), int32, on the GPU
  std::int64_t longest = 0;
};

/// Pinned memory makes the copy of the offsets asynchronous; the allocator keeps it until the copy
/// is done.
Sequences sequences_on(at::Device device, const std::vector<std::int64_t>& offsets) {
  const auto count = static_cast<std::int64_t>(offsets.size());
  const at::Tensor host =
      at::empty({count}, at::TensorOptions().dtype(at::kInt).pinned_memory(true));
  auto* numbers = host.mutable_data_ptr<int>();
  Sequences sequences;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    numbers[i] = static_cast<int>(offsets[i]);
    if (i > 0) sequences.longest = std::max(sequences.longest, offsets[i] - offsets[i - 1]);
  }
  sequences.offsets = host.to(device, /*non_blocking=*/true);
  return sequences;
}

/// The tensor, or a contiguous copy unless its heads are contiguous and aligned to 16 bytes, which
/// the kernels read at a time.
at::Tensor readable(const at::Tensor& x) {
  const bool is_aligned = x.storage_offset() % 8 == 0 && x.stride(0) % 8 == 0 &&
                          x.stride(1) % 8 == 0 && x.stride(2) == 1;
  return is_aligned ? x : x.contiguous();
}

/// The kernels' window counts the tokens before a token; none: all.
std::optional<std::int64_t> tokens_before(std::int64_t window) {
  return window > 0 ? std::optional(window - 1) : std::nullopt;
}

struct FlashAttentionFunction : torch::autograd::Function<FlashAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<std::int64_t>& offsets,
                            double scale, std::int64_t window) {
    const Sequences sequences = sequences_on(q.device(), offsets);
    auto [out, lse, rng_state, unused, mask] = at::_flash_attention_forward(
        q, k, v, sequences.offsets, sequences.offsets, sequences.longest, sequences.longest,
        /*dropout_p=*/0.0, /*is_causal=*/true, /*return_debug_mask=*/false, scale,
        tokens_before(window), /*window_size_right=*/0);
    ctx->save_for_backward({q, k, v, out, lse, rng_state, unused, sequences.offsets});
    ctx->saved_data["longest"] = sequences.longest;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["window"] = window;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const std::int64_t longest = ctx->saved_data["longest"].toInt();
    auto [dq, dk, dv] = at::_flash_attention_backward(
        grads[0].contiguous(), saved[0], saved[1], saved[2], saved[3], saved[4], saved[7], saved[7],
        longest, longest, /*dropout_p=*/0.0, /*is_causal=*/true, saved[5], saved[6],
        ctx->saved_data["scale"].toDouble(), tokens_before(ctx->saved_data["window"].toInt()),
        /*window_size_right=*/0);
    return {dq, dk, dv, {}, {}, {}};
  }
};

/// Tries a forward and a backward pass with one token: LibTorch has no function that says whether
/// its build and the GPU support flash attention. It refuses before any work is queued.
bool works_on(at::Device device) {
  try {
    const at::AutoGradMode with_grad(true);
    const at::Tensor x =
        at::zeros({1, 1, 64}, at::TensorOptions().dtype(at::kBFloat16).device(device))
            .requires_grad_(true);
    FlashAttentionFunction::apply(x, x, x, std::vector<std::int64_t>{0, 1}, 1.0, std::int64_t{0})
        .sum()
        .backward();
    return true;
  } catch (const c10::Error& error) {
    spdlog::warn("flash attention does not work on {} ({}): attention is slower", device.str(),
                 error.what_without_backtrace());
    return false;
  }
}

}  // namespace

bool suits_flash_attention(const at::Tensor& q) {
  const bool is_half = q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf;
  if (!q.is_cuda() || !is_half || q.size(0) == 0) return false;
  if (q.size(2) > kMostFlashDim || q.size(2) % 8 != 0) return false;
  static const bool works = works_on(q.device());
  return works;
}

at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, double scale,
                           std::optional<std::int64_t> window) {
  return FlashAttentionFunction::apply(readable(q), readable(k), readable(v), offsets, scale,
                                       window.value_or(0));
}

}  // namespace expandft
