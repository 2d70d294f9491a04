#include "kernels/attention.h"

#include "kernels/cpu_attention.h"
#include "kernels/flash_attention.h"
#include "kernels/plain_attention.h"

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

at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int64_t>& offsets,
                            const AttentionOptions& given) {
  AttentionOptions options = given;
  if (options.window && *options.window >= longest(offsets))
    options.window.reset();  // hides nothing
  if (options.softcap) return plain_attention(q, k, v, offsets, options);
  if (suits_cpu_attention(q)) {
    return cpu_attention(q, k, v, offsets, options.scale, options.window);
  }
  if (suits_flash_attention(q)) {
    return flash_attention(q, k, v, offsets, options.scale, options.window);
  }
  return plain_attention(q, k, v, offsets, options);
}

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionOptions& options) {
  // Leave out keys that no new token sees.
  const std::int64_t n = q.size(0);
  const std::int64_t length =
      std::min(k.size(0), options.window ? *options.window + n - 1 : k.size(0));
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
                               const at::Tensor& visible, const AttentionOptions& options) {
  std::int64_t length = k.size(1);
  std::optional<at::Tensor> mask;
  if (visible.defined()) {
    mask = visible.unsqueeze(1).unsqueeze(1);
  } else if (options.window) {
    length = std::min(length, *options.window);
  }
  const auto seen = [&](const at::Tensor& x) {
    const at::Tensor last = x.narrow(1, x.size(1) - length, length);
    return repeat_heads(last.flatten(0, 1), q.size(1))
        .view({q.size(0), length, q.size(1), q.size(2)})
        .transpose(1, 2);
  };
  return masked_attention(q.unsqueeze(2), seen(k), seen(v), mask, options).squeeze(2);
}

at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<std::int64_t>& offsets,
                           const std::vector<at::Tensor>& masks, const AttentionOptions& options) {
  const at::Tensor keys = repeat_heads(k, q.size(1)), values = repeat_heads(v, q.size(1));
  at::Tensor out = at::empty_like(q);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const SequenceRun group{offsets[i], 1, offsets[i + 1] - offsets[i]};
    heads_first(out, group)
        .copy_(masked_attention(heads_first(q, group), heads_first(keys, group),
                                heads_first(values, group), masks[i], options));
  }
  return out;
}

}  // namespace expandft
