#include "evaluation/generation.h"

#include "base/error.h"
#include "model/rope.h"
#include "tokenizer/generated_text.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

/// A text that is being written.
struct Draft {
  std::size_t place = 0;  // index of its prompt
  std::vector<TokenId> tokens;
  StopFinder stop;
};

/// Adds a token; returns whether the text ends with it.
bool is_finished(Draft& draft, TokenId token, const WritingOptions& options) {
  if (std::ranges::find(options.end_tokens, token) != options.end_tokens.end()) return true;
  draft.tokens.push_back(token);
  return std::ssize(draft.tokens) >= options.max_tokens || draft.stop.push(token);
}

std::string finished_text(const std::vector<TokenId>& tokens, const Tokenizer& tokenizer,
                          const WritingOptions& options) {
  const std::string text = tokenizer.decode(tokens);
  return text.substr(0, find_stop(text, options.until));
}

/// Whether cached keys stay valid while the sequences grow: LongRoPE's frequencies depend on the
/// length.
bool may_be_cached(const DecoderSpec& spec, const std::vector<const TokenPrompt*>& prompts,
                   std::int64_t max_tokens) {
  return std::ranges::all_of(prompts, [&](const TokenPrompt* prompt) {
    const std::int64_t length = std::ssize(prompt->tokens);
    return std::ranges::all_of(spec.attention_kinds, [&](const AttentionKind& kind) {
      return same_frequencies(kind.rope, length, length + max_tokens);
    });
  });
}

/// One text at a time, where a cache cannot be shared.
std::vector<std::string> write_singly(const Decoder& decoder, const Tokenizer& tokenizer,
                                      const std::vector<const TokenPrompt*>& prompts,
                                      const WritingOptions& options) {
  std::vector<std::string> texts;
  for (const TokenPrompt* prompt : prompts) {
    StopFinder stop(tokenizer, options.until);
    const Generation written = generate(decoder, prompt->tokens,
                                        {.max_tokens = options.max_tokens,
                                         .sampling = {.temperature = 0},
                                         .end_tokens = options.end_tokens,
                                         .is_enough = [&](TokenId id) { return stop.push(id); }});
    texts.push_back(finished_text(written.tokens, tokenizer, options));
  }
  return texts;
}

/// The likeliest next token after each row of `hidden` (n, h): n tokens.
std::vector<TokenId> likeliest(const Decoder& decoder, const at::Tensor& hidden,
                               const std::string& where) {
  const auto [best, best_ids] = decoder.logits(hidden).max(-1);
  if (!best.isfinite().all().item<bool>()) {
    throw decoder.non_finite_error("non-finite logits", where);
  }
  const at::Tensor ids = best_ids.cpu();
  const auto* begin = ids.const_data_ptr<std::int64_t>();
  return {begin, begin + ids.numel()};
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
  std::vector<TokenId> fresh = prompt;  // tokens that are not in the cache yet
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

std::vector<std::string> write_texts(const Decoder& decoder, const Tokenizer& tokenizer,
                                     const std::vector<const TokenPrompt*>& prompts,
                                     const WritingOptions& options) {
  const c10::NoGradGuard no_grad;
  if (!may_be_cached(decoder.spec(), prompts, options.max_tokens)) {
    return write_singly(decoder, tokenizer, prompts, options);
  }
  TokenBatch batch;
  std::int64_t longest = 0;
  std::vector<Draft> drafts;
  std::vector<std::int64_t> last_rows;
  for (const TokenPrompt* prompt : prompts) {
    batch.append({prompt->tokens, std::vector<std::uint8_t>(prompt->tokens.size(), 0)});
    longest = std::max(longest, std::ssize(prompt->tokens));
    last_rows.push_back(batch.tokens() - 1);
    drafts.push_back({drafts.size(), {}, StopFinder(tokenizer, options.until)});
  }
  BatchCache cache(decoder.spec(), std::ssize(prompts), longest + options.max_tokens,
                   decoder.weights().embedding.options().dtype(decoder.dtype()));
  at::Tensor hidden = decoder.hidden(to_device(batch, decoder.device()), cache)
                          .index_select(0, at::tensor(last_rows, at::kLong).to(decoder.device()));
  std::vector<std::string> texts(prompts.size());
  while (true) {
    const std::vector<TokenId> tokens = likeliest(decoder, hidden, options.where);
    std::vector<Draft> going;
    std::vector<std::int64_t> kept, ids;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      if (is_finished(drafts[i], tokens[i], options)) {
        texts[drafts[i].place] = finished_text(drafts[i].tokens, tokenizer, options);
        continue;
      }
      kept.push_back(static_cast<std::int64_t>(i));
      ids.push_back(tokens[i]);
      going.push_back(std::move(drafts[i]));
    }
    if (going.empty()) return texts;
    drafts = std::move(going);
    cache.keep(kept);
    hidden = decoder.hidden(at::tensor(ids, at::kLong).to(decoder.device()), cache);
  }
}

}  // namespace expandft
