#include "kernels/likeliest.h"

#include "kernels/cpu_dispatch.h"
#include "kernels/matrix_product.h"
#include "kernels/simd/decode_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace expandft {
namespace {

bool suits_kernel(const at::Tensor& hidden, const at::Tensor& head) {
  // A panel is computed whole, so a few rows are faster as a product.
  constexpr std::int64_t kFewRows = 4;
  return hidden.is_cpu() && hidden.scalar_type() == at::kFloat &&
         head.scalar_type() == at::kFloat && hidden.size(0) >= kFewRows && head.stride(1) == 1 &&
         head.size(0) <= std::numeric_limits<std::int32_t>::max();
}

/// Rows of hidden states (M, h) as panels of columns: (panels, h, kPanelColumns), padded with
/// zeros.
at::Tensor panels_of(const at::Tensor& hidden) {
  const std::int64_t rows = hidden.size(0), width = hidden.size(1);
  const std::int64_t panels = (rows + kPanelColumns - 1) / kPanelColumns;
  at::Tensor padded = at::zeros({panels * kPanelColumns, width}, hidden.options());
  padded.narrow(0, 0, rows).copy_(hidden);
  return padded.view({panels, kPanelColumns, width}).transpose(1, 2).contiguous();
}

}  // namespace

Likeliest likeliest_tokens(const at::Tensor& hidden, const at::Tensor& head) {
  if (!suits_kernel(hidden, head)) {
    const auto [logits, ids] = product_transposed(hidden, head).max(-1);
    return {ids.cpu(), logits};
  }
  constexpr std::int64_t kRows = 1536;  // of the head in a task: enough to forget the task's start
  const std::int64_t rows = hidden.size(0), vocabulary = head.size(0);
  const std::int64_t tasks = (vocabulary + kRows - 1) / kRows;
  const at::Tensor panels = panels_of(hidden);
  const auto columns = static_cast<std::size_t>(panels.size(0) * kPanelColumns);
  std::vector<float> best(static_cast<std::size_t>(tasks) * columns);
  std::vector<std::int32_t> index(best.size());
  for_each_task(tasks, [&](std::int64_t task) {
    const std::size_t place = static_cast<std::size_t>(task) * columns;
    decode_kernels().likeliest({.head = head.const_data_ptr<float>(),
                                .stride = head.stride(0),
                                .width = head.size(1),
                                .begin = task * kRows,
                                .end = std::min(vocabulary, (task + 1) * kRows),
                                .panels = panels.const_data_ptr<float>(),
                                .count = panels.size(0),
                                .best = best.data() + place,
                                .index = index.data() + place});
  });
  const Likeliest found{at::empty({rows}, at::kLong), at::empty({rows}, hidden.options())};
  for (std::int64_t row = 0; row < rows; ++row) {
    std::size_t chosen = static_cast<std::size_t>(row);
    for (std::int64_t task = 1; task < tasks; ++task) {
      const std::size_t other =
          static_cast<std::size_t>(task) * columns + static_cast<std::size_t>(row);
      if (best[other] > best[chosen] || std::isnan(best[other])) chosen = other;
    }
    found.ids.data_ptr<std::int64_t>()[row] = index[chosen];
    found.logits.data_ptr<float>()[row] = best[chosen];
  }
  return found;
}

}  // namespace expandft
