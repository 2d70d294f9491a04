#include "kernels/squared_norm.h"

#include <cstdint>
#include <utility>

#include <c10/core/GradMode.h>

namespace expandft {
namespace {

// Numbers that one thread adds up in fp32: few enough for an accurate sum of squares, enough that
// the fixed cost of a row does not matter.
constexpr std::int64_t kRow = 256;

/// The vector as rows of kRow, and the remaining numbers as one shorter row (1, rest), if any.
std::pair<at::Tensor, at::Tensor> in_rows(const at::Tensor& vector) {
  const std::int64_t rows = vector.numel() / kRow, rest = vector.numel() - rows * kRow;
  return {vector.narrow(0, 0, rows * kRow).view({rows, kRow}),
          rest > 0 ? vector.narrow(0, rows * kRow, rest).unsqueeze(0) : at::Tensor()};
}

/// reduce(row) for each row, in order.
template <typename Reduce>
at::Tensor of_rows(const at::Tensor& vector, Reduce reduce) {
  const auto [rows, rest] = in_rows(vector);
  return rest.defined() ? at::cat({reduce(rows), reduce(rest)}) : reduce(rows);
}

}  // namespace

at::Tensor squared_norm(const at::Tensor& x) {
  const c10::NoGradGuard no_grad;
  at::Tensor sums = of_rows(x.detach().reshape({-1}), [](const at::Tensor& rows) {
    return at::linalg_vector_norm(rows, 2, 1, /*keepdim=*/false, at::kFloat)
        .to(at::kDouble)
        .square_();
  });
  // A tree of fixed shape: LibTorch would split one long sum by the number of threads.
  while (sums.numel() > 1) {
    sums = of_rows(sums, [](const at::Tensor& rows) { return rows.sum(1); });
  }
  return sums.numel() == 1 ? sums.squeeze(0) : sums.sum();
}

}  // namespace expandft
