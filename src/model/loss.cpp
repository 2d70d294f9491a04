#include "model/loss.h"

#include "kernels/fused_ops.h"
#include "kernels/matrix_product.h"

#include <algorithm>
#include <cmath>

#include <torch/csrc/autograd/custom_function.h>

namespace expandft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Gradients of logits are small fractions of 1, and the smallest number of float16 is 6e-8. There
// the gradient of `hidden` is kept larger by this factor, which scaled_hidden takes off again. Its
// largest number is 65504: the rows of a head, of which the gradient is a weighted sum, are far
// from 65504 / 64.
constexpr double kHalfScale = 64;

/// Collects, a chunk of rows at a time, the gradients that a loss of the logits hidden·headᵀ sends
/// back: dlogits·head to hidden (M, h), and the sum of dlogitsᵀ·hidden to head (V, h), each only if
/// required.
class HeadGradients {
 public:
  HeadGradients(const at::Tensor& hidden, const at::Tensor& head)
      : hidden_(hidden.detach()), head_(head.detach()) {
    if (hidden.requires_grad()) dhidden_ = at::empty_like(hidden_);
    if (head.requires_grad()) dhead_ = at::zeros_like(head_, head_.options().dtype(at::kFloat));
  }

  /// Adds dlogits (rows, V), as ready_for_gradients left them, of the rows that start at `begin`.
  void add(std::int64_t begin, const at::Tensor& dlogits) {
    const std::int64_t rows = dlogits.size(0);
    if (dhidden_.defined()) {
      const bool is_half = head_.scalar_type() == at::kHalf;
      const at::Tensor ready = is_half ? dlogits * kHalfScale : dlogits;
      dhidden_.narrow(0, begin, rows).copy_(product(ready.to(head_.scalar_type()), head_));
    }
    if (dhead_.defined()) add_to_head(dlogits, hidden_.narrow(0, begin, rows));
  }

  // Undefined when not required.
  const at::Tensor& hidden() const { return dhidden_; }
  const at::Tensor& head() const { return dhead_; }

 private:
  /// dhead += dlogitsᵀ·hidden. A product of bfloat16 is rounded to it once a chunk, and summed over
  /// the chunks in fp32; by parts of the vocabulary, as neither dlogits nor a product as large as
  /// the head should be in memory in fp32.
  void add_to_head(const at::Tensor& dlogits, const at::Tensor& hidden) const {
    if (dlogits.scalar_type() == at::kFloat) {
      dhead_.addmm_(dlogits.t(), hidden.to(at::kFloat));
      return;
    }
    constexpr std::int64_t kPart = 1 << 14;
    for (std::int64_t first = 0; first < dlogits.size(1); first += kPart) {
      const std::int64_t count = std::min(kPart, dlogits.size(1) - first);
      dhead_.narrow(0, first, count).add_(at::mm(dlogits.narrow(1, first, count).t(), hidden));
    }
  }

  at::Tensor hidden_, head_, dhidden_, dhead_;
};

/// Logits that can be overwritten with their gradients: in fp32 where float16 would lose these.
at::Tensor ready_for_gradients(const at::Tensor& logits) {
  return logits.scalar_type() == at::kHalf ? logits.to(at::kFloat) : logits;
}

/// A collected gradient of the head times the loss's own gradient, `by` (a scalar in fp32).
at::Tensor scaled_head(const at::Tensor& gradient, const at::Tensor& by) {
  return gradient.defined() ? gradient * by : at::Tensor();
}

/// The same for hidden; takes kHalfScale off.
at::Tensor scaled_hidden(const at::Tensor& gradient, const at::Tensor& by) {
  if (!gradient.defined() || gradient.scalar_type() != at::kHalf) return scaled_head(gradient, by);
  return (gradient.to(at::kFloat) * (by / kHalfScale)).to(at::kHalf);
}

/// Calls visit(begin, logits) with the logits (rows, V) of each chunk of rows.
template <typename Visit>
void for_each_chunk(const at::Tensor& hidden, const at::Tensor& head, std::optional<double> softcap,
                    Visit visit) {
  const std::int64_t rows = hidden.size(0), step = head_chunk_rows(head);
  for (std::int64_t begin = 0; begin < rows; begin += step) {
    const std::int64_t count = std::min(step, rows - begin);
    visit(begin, head_logits(hidden.narrow(0, begin, count), head, softcap));
  }
}

struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, std::optional<double> softcap) {
    const bool wants_grad = hidden.requires_grad() || head.requires_grad();
    HeadGradients gradients(hidden, head);
    at::Tensor loss = at::zeros({}, hidden.options().dtype(at::kDouble));
    for_each_chunk(hidden, head, softcap, [&](std::int64_t begin, at::Tensor logits) {
      const at::Tensor target = targets.narrow(0, begin, logits.size(0));
      if (wants_grad) logits = ready_for_gradients(logits);
      loss.add_(cross_entropy(logits, target, softcap, wants_grad).sum(at::kDouble));
      if (wants_grad) gradients.add(begin, logits);
    });
    ctx->save_for_backward({gradients.hidden(), gradients.head()});
    return loss.to(at::kFloat);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {scaled_hidden(saved[0], grads[0]), scaled_head(saved[1], grads[0]), {}, {}};
  }
};

/// The losses of a chunk and their weights; overwrites the logits with the gradient of Σ
/// weight·loss.
WeightedLosses weighted_losses(at::Tensor& logits, const at::Tensor& targets,
                               const TokenLossTerms& terms, std::int64_t begin,
                               std::optional<double> softcap) {
  std::optional<at::Tensor> weights;
  switch (terms.rule) {
    case TokenWeights::kNone: {
      const at::Tensor losses = cross_entropy(logits, targets, softcap, /*wants_grad=*/true);
      return {losses, at::ones_like(losses)};
    }
    case TokenWeights::kEaft: {
      const std::int64_t count = std::min(TokenLossTerms::kLikeliest, logits.size(1));
      weights = top_entropy(logits, count) / std::log(static_cast<double>(count));
      break;
    }
    case TokenWeights::kDft:
      break;
    case TokenWeights::kStm:
      weights = terms.weights.narrow(0, begin, logits.size(0));
      break;
  }
  return weighted_cross_entropy(logits, targets, weights, softcap);
}

struct LinearTokenLossesFunction : torch::autograd::Function<LinearTokenLossesFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden,
                               const at::Tensor& head, const at::Tensor& targets,
                               const TokenLossTerms& terms, std::optional<double> softcap) {
    HeadGradients gradients(hidden, head);
    at::Tensor sums = at::zeros({3}, hidden.options().dtype(at::kDouble));
    const bool diverges = terms.reference.defined();
    // With a reference three matrices of logits together take as much memory as one of a loss.
    const std::int64_t whole = head_chunk_rows(head);
    const std::int64_t step = diverges ? std::max<std::int64_t>(whole / 48, 1) * 16 : whole;
    for (std::int64_t begin = 0; begin < hidden.size(0); begin += step) {
      const std::int64_t count = std::min(step, hidden.size(0) - begin);
      const auto logits_of = [&](const at::Tensor& from, const at::Tensor& through) {
        return ready_for_gradients(head_logits(from.narrow(0, begin, count), through, softcap));
      };
      at::Tensor logits = logits_of(hidden, head), divergence;
      if (diverges) {
        divergence = logits.clone();
        const at::Tensor expected = logits_of(terms.reference, terms.reference_head);
        sums[2].add_(
            kl_divergence(divergence, expected, softcap, /*wants_grad=*/true).sum(at::kDouble));
      }
      const WeightedLosses found =
          weighted_losses(logits, targets.narrow(0, begin, count), terms, begin, softcap);
      sums[0].add_(found.losses.sum(at::kDouble));
      sums[1].add_((found.losses * found.weights).sum(at::kDouble));
      if (diverges) logits.add_(divergence, terms.divergence_weight);
      gradients.add(begin, logits);
    }
    ctx->save_for_backward({gradients.hidden(), gradients.head()});
    ctx->mark_non_differentiable({sums});
    return {(sums[1] + terms.divergence_weight * sums[2]).to(at::kFloat), sums};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {scaled_hidden(saved[0], grads[0]), scaled_head(saved[1], grads[0]), {}, {}, {}};
  }
};

struct LinearKlDivergenceFunction : torch::autograd::Function<LinearKlDivergenceFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& reference, const at::Tensor& reference_head,
                            std::optional<double> softcap) {
    const bool wants_grad = hidden.requires_grad() || head.requires_grad();
    HeadGradients gradients(hidden, head);
    at::Tensor sum = at::zeros({}, hidden.options().dtype(at::kDouble));
    // Both logits together take as much memory as those of another loss.
    const std::int64_t rows = hidden.size(0), step = head_chunk_rows(head) / 2;
    for (std::int64_t begin = 0; begin < rows; begin += step) {
      const std::int64_t count = std::min(step, rows - begin);
      const auto logits = [&](const at::Tensor& from, const at::Tensor& through) {
        const at::Tensor made = head_logits(from.narrow(0, begin, count), through, softcap);
        return wants_grad ? ready_for_gradients(made) : made;
      };
      // Two products, even through the same head: one of twice the rows may add up equal rows in
      // different orders, and a model would then diverge from itself.
      at::Tensor found = logits(hidden, head);
      const at::Tensor expected = logits(reference, reference_head);
      sum.add_(kl_divergence(found, expected, softcap, wants_grad).sum(at::kDouble));
      if (wants_grad) gradients.add(begin, found);
    }
    ctx->save_for_backward({gradients.hidden(), gradients.head()});
    return sum.to(at::kFloat);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    return {scaled_hidden(saved[0], grads[0]), scaled_head(saved[1], grads[0]), {}, {}, {}};
  }
};

}  // namespace

std::int64_t head_chunk_rows(const at::Tensor& head) {
  // Logits in float16 are widened for their gradients.
  const std::int64_t width = head.scalar_type() == at::kHalf ? 4 : head.element_size();
  const std::int64_t vocabulary = head.size(0);
  const auto rows_of = [&](std::int64_t bytes) {
    return std::max<std::int64_t>(1, bytes / (vocabulary * width) / 16) * 16;
  };
  if (head.is_cuda()) return rows_of(std::int64_t{1} << 30);
  // A product reads all weights of the head once a chunk: with few rows it waits for memory, and a
  // product in 16 bits is faster, so waits earlier. Of a small vocabulary, as many rows as give
  // logits that stay in the caches.
  const std::int64_t enough = 1024 / width;
  return std::max(rows_of(std::int64_t{4} * width << 20),
                  std::min(enough, rows_of(std::int64_t{1} << 28)));
}

at::Tensor head_logits(const at::Tensor& hidden, const at::Tensor& head,
                       std::optional<double> softcap) {
  at::Tensor logits = product_transposed(hidden, head);
  return softcap ? logits.div_(*softcap).tanh_().mul_(*softcap) : logits;
}

at::Tensor linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& targets, std::optional<double> softcap) {
  return LinearCrossEntropyFunction::apply(hidden, head, targets, softcap);
}

at::Tensor linear_kl_divergence(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& reference, const at::Tensor& reference_head,
                                std::optional<double> softcap) {
  return LinearKlDivergenceFunction::apply(hidden, head, reference, reference_head, softcap);
}

TokenLosses linear_token_losses(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& targets, const TokenLossTerms& terms,
                                std::optional<double> softcap) {
  variable_list found = LinearTokenLossesFunction::apply(hidden, head, targets, terms, softcap);
  return {std::move(found[0]), std::move(found[1])};
}

at::Tensor target_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, std::optional<double> softcap) {
  const c10::NoGradGuard no_grad;
  at::Tensor out = at::empty({hidden.size(0)}, hidden.options().dtype(at::kFloat));
  for_each_chunk(hidden, head, softcap, [&](std::int64_t begin, at::Tensor logits) {
    const std::int64_t rows = logits.size(0);
    const at::Tensor losses = cross_entropy(logits, targets.narrow(0, begin, rows), softcap,
                                            /*wants_grad=*/false);
    out.narrow(0, begin, rows).copy_(losses.neg());
  });
  return out;
}

TokenScores token_scores(const at::Tensor& hidden, const at::Tensor& head,
                         const std::vector<std::int64_t>& rows,
                         const std::vector<std::int64_t>& tokens, std::optional<double> softcap) {
  const c10::NoGradGuard no_grad;
  const at::Tensor all_rows = at::tensor(rows, at::kLong).to(hidden.device());
  const at::Tensor all_tokens = at::tensor(tokens, at::kLong).to(hidden.device());
  std::vector<at::Tensor> log_probs, likeliest;
  std::int64_t done = 0;
  for_each_chunk(hidden, head, softcap, [&](std::int64_t begin, at::Tensor logits) {
    const std::int64_t end = begin + logits.size(0);
    const std::int64_t first = done;
    while (done < std::ssize(rows) && rows[static_cast<std::size_t>(done)] < end) ++done;
    if (done == first) return;
    const at::Tensor row = all_rows.narrow(0, first, done - first).sub(begin);
    const at::Tensor token = all_tokens.narrow(0, first, done - first);
    const at::Tensor chosen = logits.index({row, token}).to(at::kFloat);
    const SoftmaxOfRows sums = softmax_sums(logits);
    const at::Tensor best = sums.largest.index_select(0, row);
    log_probs.push_back((chosen - best - sums.log_sum.index_select(0, row)).cpu());
    likeliest.push_back((best == chosen).cpu());
  });
  return {at::cat(log_probs), at::cat(likeliest)};
}

}  // namespace expandft
