#include "evaluation/evaluate.h"

#include "base/error.h"
#include "base/temp_directory.h"
#include "catch.h"
#include "evaluation/divergence.h"
#include "evaluation/likelihood.h"
#include "evaluation/stories.h"

using namespace expandft;
using expandft::testing::error_of;
using expandft::testing::has;
using expandft::testing::TempDirectory;

namespace {

const char* const kText =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n";

TaskConfig task_of(const fs::path& data, std::int64_t block_length) {
  return {.name = "text", .data = data, .block_length = block_length};
}

PreparedTask work_of(const Stories& model, const TaskConfig& task,
                     std::int64_t forward_tokens = kForwardTokens) {
  return prepare_task(task, *model.tokenizer, 512, forward_tokens);
}

}  // namespace

TEST_CASE("a block's sum is the sum of its tokens' scores, however blocks are batched") {
  const Stories model;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  const std::vector<TokenId> ids = model.tokenizer->encode(kText, {.bos = true});
  REQUIRE(ids.size() > 40);

  const TaskConfig task = task_of(file, 16);
  const auto run = [&](std::int64_t forward_tokens) {
    return evaluate(model.decoder, *model.tokenizer, work_of(model, task, forward_tokens));
  };
  const TaskResult together = run(4096), alone = run(1), uneven = run(40);
  REQUIRE(together.outputs.size() == (ids.size() - 1 + 15) / 16);
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < together.outputs.size(); ++i) {
    CAPTURE(i);
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(16 * i);
    const std::vector<TokenId> block(begin, std::min(begin + 16, ids.end()));
    double sum = 0;
    for (const double log_prob : score_tokens(model.decoder, block, "")) sum += log_prob;
    for (const TaskResult* result : {&together, &alone, &uneven}) {
      REQUIRE(result->outputs[i].likelihoods.size() == 1);
      CHECK(result->outputs[i].likelihoods[0].tokens == std::ssize(block) - 1);
      CHECK(result->outputs[i].likelihoods[0].log_prob == Approx(sum).epsilon(1e-5));
    }
    tokens += together.outputs[i].likelihoods[0].tokens;
  }
  CHECK(together.tokens() == tokens);
}

TEST_CASE("progress counts blocks up to all of them") {
  const Stories model;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  std::vector<std::int64_t> seen;
  const TaskResult result =
      evaluate(model.decoder, *model.tokenizer, work_of(model, task_of(file, 16), 20),
               {.progress = [&](const EvaluationProgress& progress) {
                 seen.push_back(progress.done);
                 CHECK(progress.total >= progress.done);
                 CHECK(progress.seconds_left.value() >= 0);
               }});
  CHECK(seen.size() > 2);
  CHECK(std::ranges::is_sorted(seen));
  CHECK(seen.back() == std::ssize(result.outputs));
}

TEST_CASE("cached outputs are used, and only missing ones are computed") {
  const Stories model;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  const PreparedTask work = work_of(model, task_of(file, 16), 20);
  REQUIRE(work.batches.size() > 2);
  const TaskResult plain = evaluate(model.decoder, *model.tokenizer, work);
  {
    // Interrupted in the second batch.
    OutputCache cache(folder.path() / "cache", work, "model");
    struct Stop {};
    int batches = 0;
    const auto stop = [&](const EvaluationProgress&) {
      if (++batches == 2) throw Stop();
    };
    CHECK_THROWS_AS(
        evaluate(model.decoder, *model.tokenizer, work, {.progress = stop, .cache = &cache}), Stop);
    CHECK_FALSE(cache.is_complete());
  }
  OutputCache cache(folder.path() / "cache", work, "model");
  CHECK(cache.find(0) != nullptr);
  CHECK(cache.find(1) != nullptr);
  CHECK(cache.find(2) == nullptr);
  const TaskResult resumed = evaluate(model.decoder, *model.tokenizer, work, {.cache = &cache});
  CHECK((resumed.outputs == plain.outputs));  // bit for bit
  CHECK(cache.is_complete());
  const OutputCache again(folder.path() / "cache", work, "model");
  REQUIRE(again.is_complete());
  CHECK((cached_result(work, again).outputs == plain.outputs));
}

TEST_CASE("tokens that cannot be scored are input errors") {
  const Stories model;
  const auto message = [](auto call) {
    const Error error = error_of(call);
    CHECK(error.code() == ExitCode::kBadInput);
    return error.message();
  };
  CHECK(has(message([&] { score_tokens(model.decoder, {}, "text"); }), "no tokens"));
  CHECK(has(message([&] { score_tokens(model.decoder, std::vector<TokenId>(513, 5), "text"); }),
            "513 tokens; the model reads at most 512"));
  CHECK(score_tokens(model.decoder, {1}, "text").empty());
}

TEST_CASE("the divergence of a model from itself is 0, and from another as its logits say") {
  const Stories model;
  Stories other;
  const TempDirectory folder;
  const fs::path file = folder.path() / "text.txt";
  write_file_atomically(file, kText);
  const std::vector<PreparedTask> works = {work_of(model, task_of(file, 16))};
  const BaseStates states(model.decoder, works, 30);
  CHECK(states.divergences(model.decoder).front() == Approx(0).margin(1e-6));

  DecoderWeights weights = other.decoder.weights();
  other.decoder.replace_ends(weights.embedding, weights.final_norm * 1.1, weights.head);
  // Two blocks of 15 tokens that the model reads; the last token of each is only predicted.
  const std::vector<TokenId> ids = model.tokenizer->encode(kText, {.bos = true});
  TokenBatch batch;
  for (const std::ptrdiff_t begin : {0, 16}) {
    batch.append({{ids.begin() + begin, ids.begin() + begin + 15}, std::vector<std::uint8_t>(15)});
  }
  const auto log_probs = [&](const Decoder& decoder) {
    return at::log_softmax(decoder.logits(decoder.hidden(to_device(batch, at::kCPU))), -1);
  };
  const at::Tensor p = log_probs(model.decoder), q = log_probs(other.decoder);
  const double expected = (p.exp() * (p - q)).sum().item<double>() / 30;
  REQUIRE(expected > 1e-4);
  CHECK(states.divergences(other.decoder).front() == Approx(expected).epsilon(1e-4));
}
