#include "base/error.h"
#include "catch.h"
#include "evaluation/generation.h"
#include "evaluation/stories.h"

namespace expandft {
namespace {

TokenPrompt prompt_of(const Stories& model, const std::string& text) {
  return {model.tokenizer->encode(text, {.bos = true})};
}

std::string written_alone(const Stories& model, const TokenPrompt& prompt, std::int64_t most) {
  return model.tokenizer->decode(
      generate(model.decoder, prompt.tokens,
               {.max_tokens = most, .sampling = {.temperature = 0}, .end_tokens = {2}})
          .tokens);
}

TEST_CASE("prompts of different lengths are continued together as each is alone") {
  const Stories model;
  const TokenPrompt first = prompt_of(model, "Once upon a time, there was a big dog"),
                    second = prompt_of(model, "Tom"), third = prompt_of(model, "She was very sad");
  const auto texts = write_texts(model.decoder, *model.tokenizer, {&first, &second, &third},
                                 {.max_tokens = 40, .until = {}, .end_tokens = {2}});
  REQUIRE(texts.size() == 3);
  CHECK(texts[0] == written_alone(model, first, 40));
  CHECK(texts[1] == written_alone(model, second, 40));
  CHECK(texts[2] == written_alone(model, third, 40));
}

TEST_CASE("a text ends before the stop text that comes first") {
  const Stories model;
  const TokenPrompt first = prompt_of(model, "Once upon a time"), second = prompt_of(model, "The");
  const std::string whole = written_alone(model, first, 60);
  const std::size_t stop = whole.find('.');
  REQUIRE(stop != whole.npos);
  const auto texts =
      write_texts(model.decoder, *model.tokenizer, {&first, &second},
                  {.max_tokens = 60, .until = {"never there", "."}, .end_tokens = {}});
  CHECK(texts[0] == whole.substr(0, stop));
  CHECK(texts[1].find('.') == std::string::npos);
}

TEST_CASE("an end token ends one text and not the others") {
  const Stories model;
  const TokenPrompt first = prompt_of(model, "Once upon a time"), second = prompt_of(model, "The");
  const std::vector<TokenId> tokens =
      generate(model.decoder, first.tokens, {.max_tokens = 10, .sampling = {.temperature = 0}})
          .tokens;
  const auto texts = write_texts(model.decoder, *model.tokenizer, {&first, &second},
                                 {.max_tokens = 10, .until = {}, .end_tokens = {tokens[4]}});
  CHECK(texts[0] ==
        model.tokenizer->decode({tokens.begin(), std::ranges::find(tokens, tokens[4])}));
  CHECK_FALSE(texts[1].empty());
}

TEST_CASE("texts drawn together are those drawn alone") {
  const Stories model;
  const TokenPrompt first = prompt_of(model, "Once upon a time, there was a big dog"),
                    second = prompt_of(model, "Tom");
  const GenerationOptions options{.max_tokens = 30, .sampling = {.temperature = 0.9}, .seed = 5};
  const auto together = generate_together(model.decoder, {&first.tokens, &second.tokens}, options);
  REQUIRE(together.size() == 2);
  GenerationOptions other = options;
  other.seed = 6;
  CHECK(together[0].tokens == generate(model.decoder, first.tokens, options).tokens);
  CHECK(together[1].tokens == generate(model.decoder, second.tokens, other).tokens);
}

TEST_CASE("texts together end at the model's last position, for the reason they do alone") {
  const Stories model;
  const std::int64_t positions = model.decoder.spec().max_positions;
  const TokenPrompt first = prompt_of(model, "Once upon a time, there was a big dog"),
                    second = prompt_of(model, "Tom");
  // More tokens than have room at first.
  const GenerationOptions options{.max_tokens = 1 << 30, .sampling = {.temperature = 0}};
  const auto together = generate_together(model.decoder, {&first.tokens, &second.tokens}, options);
  for (std::size_t i = 0; i < 2; ++i) {
    const TokenPrompt& prompt = i == 0 ? first : second;
    CHECK(together[i].stop == StopReason::kContext);
    CHECK(std::ssize(prompt.tokens) + std::ssize(together[i].tokens) == positions + 1);
  }
  const auto enough = generate_together(model.decoder, {&first.tokens, &second.tokens}, options,
                                        [](std::size_t i, TokenId) { return i == 0; });
  CHECK(enough[0].stop == StopReason::kEnough);
  CHECK(enough[0].tokens.size() == 1);
  CHECK(enough[1].tokens == together[1].tokens);
}

TEST_CASE("non-finite logits are a failure, not a text") {
  Stories model;
  const DecoderWeights weights = model.decoder.weights();
  model.decoder.replace_ends(weights.embedding, at::full_like(weights.final_norm, NAN),
                             weights.head);
  const TokenPrompt prompt = prompt_of(model, "The");
  try {
    write_texts(model.decoder, *model.tokenizer, {&prompt}, {.where = "task quiz"});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kFailed);
    CHECK(error.where() == "task quiz");
  }
}

}  // namespace
}  // namespace expandft
