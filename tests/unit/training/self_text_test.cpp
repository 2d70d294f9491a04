#include "training/self_text.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "golden.h"

#include <algorithm>
#include <cmath>

namespace expandft {
namespace {

using testing::error_of;
using testing::TempDirectory;

SelfTextOptions options(std::uint64_t seed) {
  return {.samples = 70, .length = 20, .begin = 1, .end = 2, .seed = seed};
}

std::vector<std::vector<TokenId>> tokens_of(const Dataset& texts) {
  std::vector<std::vector<TokenId>> out;
  for (const Example& example : texts.examples) out.push_back(example.tokens);
  return out;
}

TEST_CASE("computing a batch token by token equals computing whole sequences") {
  const std::string model = GENERATE(from_range(golden_models()));
  CAPTURE(model);
  const Golden golden(model);
  const Decoder decoder = Decoder::load(golden.directory(), at::kFloat, at::kCPU);
  constexpr std::int64_t kLength = 14;  // beyond every window, and below LongRoPE's limit
  at::manual_seed(4);
  const at::Tensor ids = at::randint(decoder.spec().vocab, {3, kLength}, at::kLong);
  TokenBatch batch;
  for (std::int64_t i = 0; i < 3; ++i) {
    Example example;
    for (std::int64_t t = 0; t < kLength; ++t) {
      example.tokens.push_back(static_cast<TokenId>(ids[i][t].item<std::int64_t>()));
    }
    example.learned.assign(example.tokens.size(), 1);
    batch.append(example);
  }
  const at::Tensor whole =
      decoder.hidden(to_device(batch, at::kCPU)).view({3, kLength, decoder.spec().hidden});
  BatchCache cache(decoder.spec(), 3, kLength, whole.options());
  for (std::int64_t t = 0; t < kLength; ++t) {
    CHECK(worst_difference(decoder.hidden(ids.select(1, t), cache), whole.select(1, t)) < 5e-5);
  }
}

TEST_CASE("continuations keep their prompts, end as these say and depend on the seed") {
  const Decoder decoder = Decoder::load(Golden("gqa").directory(), at::kFloat, at::kCPU);
  const std::vector<TextPrompt> prompts = {{{1, 7, 9}, {2}}, {{1, 4, 5, 6, 8, 3, 12}, {}}};
  std::int64_t done = 0;
  const Dataset texts = sample_continuations(decoder, options(5), prompts,
                                             [&](std::int64_t a, std::int64_t) { done = a; });
  CHECK(done == 70);
  REQUIRE(texts.examples.size() == 70);
  bool some_ended = false;
  for (std::size_t i = 0; i < 70; ++i) {
    const Example example = texts.examples[i];
    const std::vector<TokenId>& prompt = prompts[i % 2].tokens;
    REQUIRE(example.tokens.size() > prompt.size());
    CHECK(std::equal(prompt.begin(), prompt.end(), example.tokens.begin()));
    for (std::size_t t = 0; t < example.tokens.size(); ++t) {
      CHECK(example.learned[t] == (t < prompt.size() ? 0 : 1));
    }
    const bool ended = i % 2 == 0 && example.tokens.back() == 2;
    CHECK((ended || example.tokens.size() == 20));
    some_ended = some_ended || (ended && example.tokens.size() < 20);
  }
  CHECK(some_ended);
  CHECK(texts.report.targets < texts.report.tokens - 70);
  CHECK(tokens_of(sample_continuations(decoder, options(5), prompts)) == tokens_of(texts));
  CHECK(tokens_of(sample_continuations(decoder, options(6), prompts)) != tokens_of(texts));
}

TEST_CASE("what follows a prompt has the model's distribution") {
  const Decoder decoder = Decoder::load(Golden("gqa").directory(), at::kFloat, at::kCPU);
  constexpr std::int64_t kDraws = 20000;
  const std::vector<TextPrompt> prompts = {{{1, 7, 9}, {}}};
  const Dataset texts = sample_continuations(
      decoder, {.samples = kDraws, .length = 4, .begin = 0, .end = {}, .seed = 3}, prompts);
  std::vector<double> counts(static_cast<std::size_t>(decoder.spec().vocab));
  for (const Example& example : texts.examples)
    counts[static_cast<std::size_t>(example.tokens[3])]++;
  TokenBatch batch;
  batch.append({{1, 7, 9}, {0, 0, 0}});
  const at::Tensor expected =
      decoder.logits(decoder.hidden(to_device(batch, at::kCPU)))[2].to(at::kDouble).softmax(-1);
  double squares = 0;  // Pearson's statistic: about as large as the vocabulary
  for (std::int64_t id = 0; id < expected.size(0); ++id) {
    const double mean = expected[id].item<double>() * kDraws;
    const double difference = counts[static_cast<std::size_t>(id)] - mean;
    squares += difference * difference / mean;
  }
  const auto freedom = static_cast<double>(expected.size(0) - 1);
  CHECK(squares < freedom + 5 * std::sqrt(2 * freedom));
}

TEST_CASE("a model's own texts begin and end correctly and depend on the seed") {
  const Decoder decoder = Decoder::load(Golden("gqa").directory(), at::kFloat, at::kCPU);
  std::int64_t done = 0, total = 0;
  const Dataset texts = sample_self_text(decoder, options(5), [&](std::int64_t a, std::int64_t b) {
    CHECK(a >= done);
    done = a;
    total = b;
  });
  CHECK(total == 70 * 20);
  REQUIRE(texts.examples.size() == 70);
  bool some_ended = false;
  for (const Example& example : texts.examples) {
    REQUIRE(example.tokens.size() >= 2);
    REQUIRE(example.tokens.size() == example.learned.size());
    CHECK(example.tokens.front() == 1);
    const auto end = std::ranges::find(example.tokens.begin() + 1, example.tokens.end(), 2);
    CHECK((end == example.tokens.end() ? example.tokens.size() == 20
                                       : end + 1 == example.tokens.end()));
    some_ended = some_ended || end != example.tokens.end();
  }
  CHECK(some_ended);
  CHECK(tokens_of(sample_self_text(decoder, options(5))) == tokens_of(texts));
  CHECK(tokens_of(sample_self_text(decoder, options(6))) != tokens_of(texts));
}

TEST_CASE("tokens are drawn with the model's probabilities") {
  const Decoder decoder = Decoder::load(Golden("gqa").directory(), at::kFloat, at::kCPU);
  constexpr std::int64_t kDraws = 20000;
  const Dataset texts =
      sample_self_text(decoder, {.samples = kDraws, .length = 2, .begin = 1, .end = {}, .seed = 3});
  BatchCache cache(decoder.spec(), 1, 2, decoder.weights().embedding.options());
  const at::Tensor expected =
      decoder.logits(decoder.hidden(at::tensor({std::int64_t{1}}), cache)).softmax(-1).squeeze(0);
  std::vector<double> counts(static_cast<std::size_t>(decoder.spec().vocab), 0);
  for (const Example& example : texts.examples) {
    counts[static_cast<std::size_t>(example.tokens[1])] += 1;
  }
  double chi_square = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double mean = kDraws * expected[static_cast<std::int64_t>(i)].item<double>();
    chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
  }
  // 95 degrees of freedom: mean 95, standard deviation 14. The draws are the same in each run.
  CHECK(chi_square < 160);
}

TEST_CASE("texts are read back from their file, and a damaged file is refused") {
  const TempDirectory folder;
  const fs::path file = folder.path() / "retention.safetensors";
  Dataset texts;
  texts.examples.push_back({{1, 5, 2}, {1, 1, 1}});
  texts.examples.push_back({{1, 7}, {1, 1}});
  write_self_text(file, texts);
  const Dataset back = read_self_text(file, 8);
  CHECK(tokens_of(back) == tokens_of(texts));
  CHECK(back.report.tokens == 5);
  CHECK(back.report.targets == 3);
  CHECK(error_of([&] { read_self_text(file, 7); }).code() == ExitCode::kBadInput);
  texts.examples.push_back({{1, 6, 3, 2}, {0, 0, 1, 1}});  // after a prompt
  write_self_text(file, texts);
  CHECK(fingerprint(read_self_text(file, 8)) == fingerprint(texts));
  CHECK(fingerprint(parse_self_text(self_text_json(texts))) == fingerprint(texts));
  for (const std::int64_t given : {0, 3}) {
    write_safetensors(
        file,
        {source_of("ids", at::tensor({std::int64_t{1}, std::int64_t{2}}), Dtype::kI32),
         source_of("offsets", at::tensor({std::int64_t{0}, std::int64_t{2}}), Dtype::kI64),
         source_of("prompt_tokens", at::tensor({given}), Dtype::kI64)},
        {});
    CHECK_THAT(error_of([&] { read_self_text(file, 8); }).message(),
               has_text("prompts do not match"));
  }

  const auto write = [&](const std::vector<std::int64_t>& offsets) {
    write_safetensors(
        file,
        {source_of("ids", at::tensor({std::int64_t{1}, std::int64_t{2}}), Dtype::kI32),
         source_of("offsets", at::tensor(offsets, at::kLong), Dtype::kI64)},
        {});
  };
  for (const std::vector<std::int64_t>& offsets :
       {std::vector<std::int64_t>{0}, {0, 3}, {1, 2}, {0, 2, 2}, {0, 2, 1, 2}, {0, -1, 2}}) {
    write(offsets);
    CHECK_THAT(error_of([&] { read_self_text(file, 8); }).message(), has_text("do not match"));
  }
  write_safetensors(file, {source_of("ids", at::ones({2}), Dtype::kF32)}, {});
  CHECK_THAT(error_of([&] { read_self_text(file, 8); }).message(), has_text("\"ids\""));
}

}  // namespace
}  // namespace expandft
