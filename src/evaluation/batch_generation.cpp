#include "evaluation/batch_generation.h"

#include "base/error.h"
#include "evaluation/generation.h"
#include "model/rope.h"
#include "tokenizer/generated_text.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

/// A text as it is written.
struct Draft {
  std::size_t place = 0;  // among the prompts
  std::vector<TokenId> tokens;
  StopFinder stop;
};

/// Takes a token; true when the text ends with it.
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

/// Whether what a cache holds keeps its meaning while the sequences grow.
bool may_be_cached(const DecoderSpec& spec, const std::vector<const TokenPrompt*>& prompts,
                   std::int64_t max_tokens) {
  return std::ranges::all_of(prompts, [&](const TokenPrompt* prompt) {
    const std::int64_t length = std::ssize(prompt->tokens);
    return std::ranges::all_of(spec.attention_kinds, [&](const AttentionKind& kind) {
      return same_frequencies(kind.rope, length, length + max_tokens);
    });
  });
}

/// One at a time, with a cache that starts anew where it has to.
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

/// The likeliest next token after each row: (n, h) -> n.
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
