#include "evaluation/score.h"

#include "base/error.h"

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
  return {log_probs.data_ptr<double>(), log_probs.data_ptr<double>() + log_probs.numel()};
}

}  // namespace expandft
