#include "kernels/attention.h"

#include "kernels/chunked_attention.h"
#include "kernels/cpu_attention.h"
#include "kernels/flash_attention.h"
#include "kernels/plain_attention.h"
#include "kernels/token_attention.h"

#include <algorithm>

namespace expandft {
namespace {

std::int64_t longest(const std::vector<std::int64_t>& offsets) {
  std::int64_t most = 0;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    most = std::max(most, offsets[i + 1] - offsets[i]);
  }
  return most;
}

}  // namespace

bool uses_rows(const at::Tensor& k, std::optional<double> softcap) {
  return k.is_cpu() && k.scalar_type() == at::kFloat && !softcap;
}

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets,
                            const AttentionOptions& given) {
  AttentionOptions options = given;
  if (options.window && *options.window >= longest(offsets))
    options.window.reset();  // hides nothing
  if (options.softcap) return chunked_attention(q, k, v, offsets, options);
  if (suits_cpu_attention(q)) {
    return cpu_attention(q, k, v, offsets, options.scale, options.window);
  }
  if (suits_flash_attention(q)) {
    return flash_attention(q, k, v, offsets, options.scale, options.window);
  }
  // LibTorch's attention would need a mask of all pairs of tokens, or their scores.
  const bool is_quadratic = options.window || (q.is_cuda() && q.size(2) > kMostFlashDim);
  if (is_quadratic) return chunked_attention(q, k, v, offsets, options);
  return plain_attention(q, k, v, offsets, options.scale);
}

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options) {
  // Leave out keys that no new token sees.
  const std::int64_t n = q.size(0);
  const std::int64_t length =
      std::min(k.size(0), options.window ? *options.window + n - 1 : k.size(0));
  if (n == 1 && uses_rows(k, options.softcap)) {
    return token_attention(q, k, v, {{.first = {k.size(0) - length, k.size(0)}, .second = {}}},
                           options.scale);
  }
  const auto batch = [&](const at::Tensor& x) {
    return repeat_heads(x.narrow(0, x.size(0) - length, length), q.size(1))
        .transpose(0, 1)
        .unsqueeze(0);
  };
  std::optional<at::Tensor> mask;
  if (n > 1) mask = visible_tokens(n, length, options.window, q.device());
  return masked_attention(q.transpose(0, 1).unsqueeze(0), batch(k), batch(v), mask, options)
      .squeeze(0)
      .transpose(0, 1);
}

at::Tensor one_token_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const SeenTokens& seen, const AttentionOptions& options) {
  if (uses_rows(k, options.softcap)) {
    return token_attention(q, k.flatten(0, 1), v.flatten(0, 1), seen.rows, options.scale);
  }
  const at::Tensor& visible = seen.masks.front();
  const std::int64_t length = visible.size(1);
  const auto first = [&](const at::Tensor& x) {
    return repeat_heads(x.narrow(1, 0, length).flatten(0, 1), q.size(1))
        .view({q.size(0), length, q.size(1), q.size(2)})
        .transpose(1, 2);
  };
  return masked_attention(q.unsqueeze(2), first(k), first(v), visible.unsqueeze(1).unsqueeze(1),
                          options)
      .squeeze(2);
}

at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets, const SeenTokens& seen,
                           const AttentionOptions& options) {
  if (uses_rows(k, options.softcap)) return token_attention(q, k, v, seen.rows, options.scale);
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  at::Tensor out = at::empty_like(q);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const SequenceRun group{offsets[i], 1, offsets[i + 1] - offsets[i]};
    heads_first(out, group)
        .copy_(masked_attention(heads_first(q, group), heads_first(keys, group),
                                heads_first(values, group), seen.masks[i], options));
  }
  return out;
}

}  // namespace expandft
