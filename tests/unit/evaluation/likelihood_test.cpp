#include "evaluation/likelihood.h"

#include "catch.h"
#include "evaluation/generation.h"
#include "evaluation/stories.h"

namespace expandft {
namespace {

/// The expected result, from the log-probabilities of the whole sequence.
double expected_log_prob(const Decoder& decoder, const TokenRequest& request) {
  std::vector<TokenId> ids = request.context;
  ids.insert(ids.end(), request.continuation.begin(), request.continuation.end());
  const std::vector<double> scores = score_tokens(decoder, ids, "");
  double sum = 0;
  for (std::size_t i = request.context.size() - 1; i < scores.size(); ++i) sum += scores[i];
  return sum;
}

RequestGroup choices_of(const Stories& model, const std::string& context,
                        const std::vector<std::string>& choices) {
  RequestGroup group;
  const PromptEncoder encoder(*model.tokenizer, 512);
  std::vector<LikelihoodText> texts;
  for (const std::string& choice : choices) texts.push_back({context, choice});
  return encoder.pairs(texts, "test");
}

TEST_CASE("choices that share a prompt score as each alone, whatever else is in the batch") {
  const Stories model;
  const RequestGroup choices =
      choices_of(model, "Once upon a time, there was a little",
                 {" girl named Lily.", " girl named Tom.", " cat", " cat who was big and red"});
  const RequestGroup words = choices_of(model, "She was very", {" sad", " happy", " a", " b"});
  const RequestGroup single = choices_of(model, "The", {" sun was hot."});
  const auto together = likelihoods(model.decoder, {&choices, &words, &single});
  REQUIRE(together.size() == 3);
  const std::vector<const RequestGroup*> groups = {&choices, &words, &single};
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto alone = likelihoods(model.decoder, {groups[g]}).front();
    for (std::size_t i = 0; i < groups[g]->size(); ++i) {
      CAPTURE(g, i);
      const TokenRequest& request = (*groups[g])[i];
      CHECK(together[g][i].tokens == std::ssize(request.continuation));
      CHECK(together[g][i].log_prob ==
            Approx(expected_log_prob(model.decoder, request)).margin(1e-4));
      CHECK(together[g][i].log_prob == Approx(alone[i].log_prob).margin(1e-4));
      CHECK(together[g][i].greedy == alone[i].greedy);
    }
  }
}

TEST_CASE("the text of greedy decoding counts as greedy, and no other does") {
  const Stories model;
  const std::vector<TokenId> prompt = model.tokenizer->encode("Once upon a time", {.bos = true});
  const std::vector<TokenId> written =
      generate(model.decoder, prompt, {.max_tokens = 12, .sampling = {.temperature = 0}}).tokens;
  std::vector<TokenId> other = written;
  other[5] = other[5] == 300 ? 301 : 300;
  const RequestGroup group = {{prompt, written}, {prompt, other}};
  const auto found = likelihoods(model.decoder, {&group}).front();
  CHECK(found[0].greedy);
  CHECK_FALSE(found[1].greedy);
  CHECK(found[0].log_prob > found[1].log_prob);
}

}  // namespace
}  // namespace expandft
