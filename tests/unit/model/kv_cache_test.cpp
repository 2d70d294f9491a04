#include "model/kv_cache.h"

#include "catch.h"
#include "golden.h"
#include "model/decoder.h"

#include <c10/core/GradMode.h>

namespace expandft {
namespace {

std::vector<TokenId> tokens_of(std::int64_t count, TokenId first) {
  std::vector<TokenId> tokens;
  for (std::int64_t i = 0; i < count; ++i) {
    tokens.push_back((first + static_cast<TokenId>(7 * i)) % 60);
  }
  return tokens;
}

at::Tensor whole_hidden(const Decoder& decoder, const std::vector<TokenId>& tokens) {
  TokenBatch batch;
  batch.append({tokens, std::vector<std::uint8_t>(tokens.size(), 0)});
  return decoder.hidden(to_device(batch, at::kCPU));
}

TEST_CASE("sequences of different lengths grow together with the same results as each alone") {
  const c10::NoGradGuard no_grad;
  const std::string model = GENERATE(from_range(golden_models()));
  CAPTURE(model);
  const Golden golden(model);
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  // Longer than 16 tokens from the start, so LongRoPE uses its frequencies for long sequences.
  const std::vector<std::int64_t> lengths =
      GENERATE(std::vector<std::int64_t>{20, 17, 23}, std::vector<std::int64_t>{18, 18});
  const std::int64_t steps = 9, dropped_at = 5;
  std::vector<std::vector<TokenId>> sequences;
  TokenBatch prompts;
  for (const std::int64_t length : lengths) {
    sequences.push_back(tokens_of(length + steps, static_cast<TokenId>(3 * length % 30)));
    const std::vector<TokenId> prompt(sequences.back().begin(), sequences.back().begin() + length);
    prompts.append({prompt, std::vector<std::uint8_t>(prompt.size(), 0)});
  }
  BatchCache cache(decoder.spec(), std::ssize(lengths), 23 + steps,
                   at::TensorOptions().dtype(at::kFloat));
  const at::Tensor start = decoder.hidden(to_device(prompts, at::kCPU), cache);
  CHECK(cache.lengths() == lengths);
  std::vector<std::size_t> there(lengths.size());
  for (std::size_t i = 0; i < there.size(); ++i) there[i] = i;
  for (std::int64_t step = 0; step < steps; ++step) {
    if (step == dropped_at) {  // the first has ended
      there.erase(there.begin());
      std::vector<std::int64_t> kept;
      for (std::size_t i = 1; i <= there.size(); ++i) kept.push_back(static_cast<std::int64_t>(i));
      cache.keep(kept);
    }
    std::vector<std::int64_t> ids;
    for (const std::size_t i : there) {
      ids.push_back(sequences[i][static_cast<std::size_t>(lengths[i] + step)]);
    }
    const at::Tensor hidden = decoder.hidden(at::tensor(ids, at::kLong), cache);
    for (std::size_t row = 0; row < there.size(); ++row) {
      const std::size_t i = there[row];
      const std::vector<TokenId> so_far(sequences[i].begin(),
                                        sequences[i].begin() + lengths[i] + step + 1);
      const at::Tensor expected = whole_hidden(decoder, so_far)[-1];
      CHECK(worst_difference(hidden[static_cast<std::int64_t>(row)], expected) < 5e-5);
    }
  }
  CHECK(start.size(0) == prompts.tokens());
}

}  // namespace
}  // namespace expandft
