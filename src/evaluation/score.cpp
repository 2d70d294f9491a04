#include "evaluation/score.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>

namespace expandft {

std::vector<double> score_tokens(const Decoder& decoder, const std::vector<TokenId>& ids,
                                 const std::string& where) {
  const auto n = static_cast<std::int64_t>(ids.size());
  if (n == 0) throw input_error("there are no tokens to score", where);
  if (n > decoder.spec().max_positions) {
    throw input_error(
        std::to_string(n) + " tokens; the model reads at most " +
            std::to_string(decoder.spec().max_positions) + " (max_position_embeddings)",
        where, "score a shorter text, or use a perplexity task, which cuts into blocks");
  }
  if (n == 1) return {};
  TokenBatch batch;
  batch.append({ids, std::vector<std::uint8_t>(ids.size(), 1)});
  const at::Tensor log_probs =
      decoder.log_probs(to_device(batch, decoder.device())).to(at::kCPU, at::kDouble).contiguous();
  const std::vector<double> found(log_probs.data_ptr<double>(),
                                  log_probs.data_ptr<double>() + log_probs.numel());
  const auto bad = std::ranges::find_if_not(found, [](double x) { return std::isfinite(x); });
  if (bad != found.end()) {
    const auto position = bad - found.begin() + 1;  // token 0 has none
    throw decoder.non_finite_error("a non-finite log-probability",
                                   where + ": token " + std::to_string(position) + " (id " +
                                       std::to_string(ids[static_cast<std::size_t>(position)]) +
                                       ")");
  }
  return found;
}

}  // namespace expandft
