#include "evaluation/generation.h"

#include "base/error.h"
#include "kernels/cpu_dispatch.h"
#include "kernels/likeliest.h"
#include "model/rope.h"
#include "tokenizer/generated_text.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <c10/core/GradMode.h>

namespace expandft {
namespace {

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
  Sampler sampler;
};

bool contains(const std::vector<TokenId>& ids, TokenId id) {
  return std::ranges::find(ids, id) != ids.end();
}

/// Whether cached keys stay valid while the sequences grow: LongRoPE's frequencies depend on the
/// length.
bool may_be_cached(const DecoderSpec& spec, const std::vector<const std::vector<TokenId>*>& prompts,
                   std::int64_t max_tokens) {
  return std::ranges::all_of(prompts, [&](const std::vector<TokenId>* prompt) {
    const std::int64_t length = std::ssize(*prompt);
    return std::ranges::all_of(spec.attention_kinds, [&](const AttentionKind& kind) {
      return same_frequencies(kind.rope, length, length + max_tokens);
    });
  });
}

/// One text at a time, where a cache cannot be shared.
std::vector<Generation> generate_singly(
    const Decoder& decoder, const std::vector<const std::vector<TokenId>*>& prompts,
    GenerationOptions options, const std::function<bool(std::size_t, TokenId)>& is_enough) {
  std::vector<Generation> all;
  const std::uint64_t seed = options.seed;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    options.seed = seed + i;
    options.is_enough = [&](TokenId id) { return is_enough && is_enough(i, id); };
    all.push_back(generate(decoder, *prompts[i], options));
  }
  return all;
}

/// The next token of each draft, given the state (drafts, h) after its last one.
std::vector<TokenId> next_tokens(const Decoder& decoder, const at::Tensor& hidden,
                                 const SamplingOptions& sampling, const std::string& where,
                                 std::vector<Draft>& drafts) {
  const auto check = [&](const at::Tensor& best) {
    if (best.isfinite().all().item<bool>()) return;
    throw decoder.non_finite_error("non-finite logits", where);
  };
  if (sampling.temperature <= 0) {
    const Likeliest best = likeliest_tokens(hidden, decoder.head());
    check(best.logits);
    const auto* begin = best.ids.const_data_ptr<std::int64_t>();
    return {begin, begin + best.ids.numel()};
  }
  const at::Tensor logits = decoder.logits(hidden).to(at::kCPU, at::kFloat).contiguous();
  check(logits.amax(-1));
  const auto vocabulary = static_cast<std::size_t>(logits.size(1));
  const float* const rows = logits.const_data_ptr<float>();
  std::vector<TokenId> tokens(drafts.size());
  for_each_task(std::ssize(drafts), [&](std::int64_t draft) {
    const auto i = static_cast<std::size_t>(draft);
    tokens[i] = drafts[i].sampler.draw({rows + i * vocabulary, vocabulary});
  });
  return tokens;
}

/// The reason for which a text ends with its newest token, if it does.
std::optional<StopReason> reason_to_stop(const std::vector<TokenId>& prompt,
                                         const std::vector<TokenId>& tokens, bool is_enough,
                                         std::int64_t max_positions,
                                         const GenerationOptions& options) {
  if (is_enough) return StopReason::kEnough;
  if (std::ssize(tokens) >= options.max_tokens) return StopReason::kMaxTokens;
  if (std::ssize(prompt) + std::ssize(tokens) > max_positions) return StopReason::kContext;
  return std::nullopt;
}

}  // namespace

void check_prompt(const std::vector<TokenId>& prompt, std::int64_t max_positions,
                  const std::string& where) {
  if (prompt.empty()) {
    throw input_error("the prompt has no tokens, and the tokenizer puts no BOS before it", where,
                      "give a prompt");
  }
  if (std::ssize(prompt) > max_positions) {
    throw input_error("the prompt has " + std::to_string(prompt.size()) +
                          " tokens; the model reads at most " + std::to_string(max_positions) +
                          " (max_position_embeddings)",
                      where, "give a shorter prompt");
  }
}

std::string stop_text(StopReason reason) {
  switch (reason) {
    case StopReason::kEnd:
      return "end";
    case StopReason::kMaxTokens:
      return "max_tokens";
    case StopReason::kContext:
      return "context";
    case StopReason::kEnough:
      return "stop";
  }
  return {};
}

Generation generate(const Decoder& decoder, const std::vector<TokenId>& prompt,
                    const GenerationOptions& options,
                    const std::function<void(TokenId)>& on_token) {
  check_prompt(prompt, decoder.spec().max_positions, "prompt");
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

std::vector<Generation> generate_together(
    const Decoder& decoder, const std::vector<const std::vector<TokenId>*>& prompts,
    const GenerationOptions& options, const std::function<bool(std::size_t, TokenId)>& is_enough) {
  const c10::NoGradGuard no_grad;
  if (prompts.empty()) return {};
  const std::int64_t max_positions = decoder.spec().max_positions;
  for (const auto* prompt : prompts)
    check_prompt(*prompt, max_positions, options.where.empty() ? "prompt" : options.where);
  const std::int64_t most = std::min(options.max_tokens, max_positions);
  if (!may_be_cached(decoder.spec(), prompts, most)) {
    return generate_singly(decoder, prompts, options, is_enough);
  }
  constexpr std::int64_t kRoom = 256;  // tokens that have room at first
  TokenBatch batch;
  std::int64_t longest = 0;
  std::vector<Draft> drafts;
  std::vector<std::int64_t> last_rows;
  for (const std::vector<TokenId>* prompt : prompts) {
    batch.append({*prompt, std::vector<std::uint8_t>(prompt->size(), 0)});
    longest = std::max(longest, std::ssize(*prompt));
    last_rows.push_back(batch.tokens() - 1);
    drafts.push_back({drafts.size(), Sampler(options.sampling, options.seed + drafts.size())});
  }
  BatchCache cache(decoder.spec(), std::ssize(prompts), longest + std::min(most, kRoom),
                   decoder.weights().embedding.options().dtype(decoder.dtype()));
  at::Tensor hidden = decoder.hidden(to_device(batch, decoder.device()), cache)
                          .index_select(0, at::tensor(last_rows, at::kLong).to(decoder.device()));
  std::vector<Generation> written(prompts.size());
  while (true) {
    const std::vector<TokenId> tokens =
        next_tokens(decoder, hidden, options.sampling, options.where, drafts);
    std::vector<Draft> going;
    std::vector<std::int64_t> kept, ids;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      const std::size_t place = drafts[i].place;
      Generation& text = written[place];
      if (contains(options.end_tokens, tokens[i])) {
        text.stop = StopReason::kEnd;
        continue;
      }
      text.tokens.push_back(tokens[i]);
      const bool enough = is_enough && is_enough(place, tokens[i]);
      if (const auto reason =
              reason_to_stop(*prompts[place], text.tokens, enough, max_positions, options)) {
        text.stop = *reason;
        continue;
      }
      kept.push_back(static_cast<std::int64_t>(i));
      ids.push_back(tokens[i]);
      going.push_back(std::move(drafts[i]));
    }
    if (going.empty()) return written;
    drafts = std::move(going);
    cache.keep(kept);
    hidden = decoder.hidden(at::tensor(ids, at::kLong).to(decoder.device()), cache);
  }
}

std::vector<std::string> write_texts(const Decoder& decoder, const Tokenizer& tokenizer,
                                     const std::vector<const TokenPrompt*>& prompts,
                                     const WritingOptions& options) {
  std::vector<const std::vector<TokenId>*> tokens;
  std::vector<StopFinder> stops;
  for (const TokenPrompt* prompt : prompts) {
    tokens.push_back(&prompt->tokens);
    stops.emplace_back(tokenizer, options.until);
  }
  std::vector<std::string> texts;
  for (const Generation& written :
       generate_together(decoder, tokens,
                         {.max_tokens = options.max_tokens,
                         .sampling = {.temperature = 0},
                         .end_tokens = options.end_tokens,
                         .where = options.where},
                         [&](std::size_t place, TokenId id) { return stops[place].push(id); })) {
    const std::string text = tokenizer.decode(written.tokens);
    texts.push_back(text.substr(0, find_stop(text, options.until)));
  }
  return texts;
}

}  // namespace expandft
