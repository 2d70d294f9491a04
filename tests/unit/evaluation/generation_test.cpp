#include "evaluation/generation.h"

#include "base/error.h"
#include "catch.h"
#include "evaluation/stories.h"

#include <c10/core/GradMode.h>

using namespace expandft;

namespace {

/// The likeliest next token, computed from all ids at once, without a cache.
TokenId next_without_cache(const Decoder& decoder, const std::vector<TokenId>& ids) {
  const c10::NoGradGuard no_grad;
  TokenBatch batch;
  batch.append({ids, std::vector<std::uint8_t>(ids.size(), 1)});
  const at::Tensor hidden = decoder.hidden(to_device(batch, at::kCPU));
  const at::Tensor logits = decoder.logits(hidden.narrow(0, hidden.size(0) - 1, 1));
  return static_cast<TokenId>(logits.argmax(-1).item<std::int64_t>());
}

}  // namespace

TEST_CASE("greedy generation with the cache equals computing every step from scratch") {
  const Stories model;
  const std::vector<TokenId> prompt = model.tokenizer->encode("Once upon a time", {.bos = true});
  std::vector<TokenId> ids = prompt, streamed;
  for (int i = 0; i < 40; ++i) ids.push_back(next_without_cache(model.decoder, ids));

  const Generation generation =
      generate(model.decoder, prompt, {.max_tokens = 40, .sampling = {.temperature = 0}},
               [&](TokenId id) { streamed.push_back(id); });
  CHECK(generation.tokens == std::vector<TokenId>(ids.begin() + std::ssize(prompt), ids.end()));
  CHECK(generation.tokens == streamed);
  CHECK(generation.stop == StopReason::kMaxTokens);
}

TEST_CASE("sampled generation follows the seed") {
  const Stories model;
  const auto tokens = [&](std::uint64_t seed) {
    return generate(model.decoder, {1},
                    {.max_tokens = 30, .sampling = {.temperature = 1.0}, .seed = seed})
        .tokens;
  };
  CHECK(tokens(1) == tokens(1));
  CHECK(tokens(1) != tokens(2));
}

TEST_CASE("an end token ends the text and is not part of it") {
  const Stories model;
  const GenerationOptions greedy{.max_tokens = 20, .sampling = {.temperature = 0}};
  const std::vector<TokenId> all = generate(model.decoder, {1}, greedy).tokens;
  REQUIRE(all.size() == 20);
  GenerationOptions ended = greedy;
  ended.end_tokens = {all[5]};
  const Generation generation = generate(model.decoder, {1}, ended);
  const auto end = std::ranges::find(all, all[5]);
  CHECK(generation.tokens == std::vector<TokenId>(all.begin(), end));
  CHECK(generation.stop == StopReason::kEnd);
}

TEST_CASE("generation ends with the token for which is_enough returns true") {
  const Stories model;
  GenerationOptions greedy{.max_tokens = 20, .sampling = {.temperature = 0}};
  const std::vector<TokenId> all = generate(model.decoder, {1}, greedy).tokens;
  int shown = 0;
  greedy.is_enough = [&](TokenId id) {
    return id == all[static_cast<std::size_t>(shown++)] && shown == 5;
  };
  const Generation generation = generate(model.decoder, {1}, greedy);
  CHECK(generation.tokens == std::vector<TokenId>(all.begin(), all.begin() + 5));
  CHECK(generation.stop == StopReason::kEnough);
  CHECK(stop_text(generation.stop) == "stop");
}

TEST_CASE("generation stops when the model has no more positions") {
  const Stories model;
  const std::vector<TokenId> prompt(510, 5);
  const Generation generation =
      generate(model.decoder, prompt, {.max_tokens = 20, .sampling = {.temperature = 0}});
  CHECK(generation.tokens.size() == 3);  // positions 510 and 511 are read, the third token is not
  CHECK(generation.stop == StopReason::kContext);
}

TEST_CASE("prompts that are empty or too long are input errors") {
  const Stories model;
  CHECK_THROWS_AS(generate(model.decoder, {}, {}), Error);
  CHECK_THROWS_AS(generate(model.decoder, std::vector<TokenId>(513, 5), {}), Error);
}
