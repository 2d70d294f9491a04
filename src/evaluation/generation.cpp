#include "evaluation/generation.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <c10/core/GradMode.h>

namespace expandft {
namespace {

void check_prompt(const std::vector<TokenId>& prompt, std::int64_t max_positions) {
  if (prompt.empty()) {
    throw input_error("the prompt has no tokens, and the tokenizer puts no BOS before it", "prompt",
                      "give a prompt");
  }
  if (std::ssize(prompt) > max_positions) {
    throw input_error("the prompt has " + std::to_string(prompt.size()) +
                          " tokens; the model reads at most " + std::to_string(max_positions) +
                          " (max_position_embeddings)",
                      "prompt", "give a shorter prompt");
  }
}

/// Logits of the token after the last of `ids`: (V), fp32, on the CPU.
at::Tensor next_logits(const Decoder& decoder, const std::vector<TokenId>& ids, KvCache& cache) {
  const std::vector<std::int64_t> wide(ids.begin(), ids.end());
  const at::Tensor hidden = decoder.hidden(at::tensor(wide, at::kLong).to(decoder.device()), cache);
  return decoder.logits(hidden.narrow(0, hidden.size(0) - 1, 1))
      .squeeze(0)
      .to(at::kCPU, at::kFloat)
      .contiguous();
}

}  // namespace

std::string stop_text(StopReason reason) {
  switch (reason) {
    case StopReason::kEnd:
      return "end";
    case StopReason::kMaxTokens:
      return "max_tokens";
    case StopReason::kContext:
      return "context";
    case StopReason::kEnough:
      return "enough";
  }
  return {};
}

Generation generate(const Decoder& decoder, const std::vector<TokenId>& prompt,
                    const GenerationOptions& options,
                    const std::function<void(TokenId)>& on_token) {
  check_prompt(prompt, decoder.spec().max_positions);
  const c10::NoGradGuard no_grad;
  KvCache cache(decoder.spec());
  Sampler sampler(options.sampling, options.seed);
  Generation generation;
  std::vector<TokenId> fresh = prompt;  // not in the cache yet
  while (std::ssize(generation.tokens) < options.max_tokens) {
    if (cache.length() + std::ssize(fresh) > decoder.spec().max_positions) {
      generation.stop = StopReason::kContext;
      return generation;
    }
    const at::Tensor logits = next_logits(decoder, fresh, cache);
    if (!std::isfinite(logits.max().item<float>())) {
      throw decoder.non_finite_error(
          "non-finite logits",
          "token " + std::to_string(prompt.size() + generation.tokens.size()) + " of the text");
    }
    const TokenId token =
        sampler.draw({logits.const_data_ptr<float>(), static_cast<std::size_t>(logits.numel())});
    if (std::ranges::find(options.end_tokens, token) != options.end_tokens.end()) {
      generation.stop = StopReason::kEnd;
      return generation;
    }
    generation.tokens.push_back(token);
    if (on_token) on_token(token);
    if (options.is_enough && options.is_enough(token)) {
      generation.stop = StopReason::kEnough;
      return generation;
    }
    fresh = {token};
  }
  generation.stop = StopReason::kMaxTokens;
  return generation;
}

}  // namespace expandft
