#include "cli/samples.h"

#include "base/counted.h"
#include "base/error.h"
#include "cli/end_tokens.h"
#include "evaluation/generation.h"
#include "report/progress.h"
#include "text/stream_decoder.h"

#include <algorithm>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr std::size_t kFromData = 3;        // prompts
constexpr std::size_t kPlainPrompt = 16;    // tokens
constexpr std::int64_t kContinuation = 64;  // tokens

/// What stands before the first learned token; of plain text, all of which is learned, a beginning.
std::vector<TokenId> prompt_of(const Example& example) {
  std::size_t given = 1;  // nothing predicts the first token, so it is never learned
  while (given < example.tokens.size() && example.learned[given] == 0) ++given;
  if (given == example.tokens.size()) return {};
  if (given == 1) given = std::min(kPlainPrompt, example.tokens.size());
  return {example.tokens.begin(), example.tokens.begin() + static_cast<std::ptrdiff_t>(given)};
}

std::string continuation(const TrainSetup& setup, const SamplePrompt& prompt) {
  const GenerationOptions options{.max_tokens = kContinuation,
                                  .sampling = {.temperature = 0},
                                  .end_tokens = end_tokens(setup.base, *setup.tokenizer)};
  StreamDecoder stream(*setup.tokenizer, !prompt.text.empty());
  std::string text;
  generate(setup.decoder, prompt.ids, options, [&](TokenId id) { text += stream.push(id); });
  return text + stream.finish();
}

}  // namespace

std::vector<SamplePrompt> sample_prompts(const TrainSetup& setup) {
  const Tokenizer& tokenizer = *setup.tokenizer;
  std::vector<SamplePrompt> prompts;
  const std::vector<std::string>& given = setup.run().evaluation.prompts;
  for (std::size_t i = 0; i < given.size(); ++i) {
    std::vector<TokenId> ids = tokenizer.encode(given[i], {.bos = tokenizer.adds_bos()});
    if (ids.empty() || std::ssize(ids) > setup.spec.max_positions) {
      throw input_error(fmt::format("the prompt has {}; expected 1 to {}, the model's positions",
                                    counted(std::ssize(ids), "token"), setup.spec.max_positions),
                        fmt::format("evaluation.prompts[{}]", i));
    }
    prompts.push_back({given[i], std::move(ids)});
  }
  if (!prompts.empty()) return prompts;
  const Dataset& data = setup.validation_data ? *setup.validation_data : setup.training_data;
  for (const Example& example : data.examples) {
    if (prompts.size() == kFromData) break;
    std::vector<TokenId> ids = prompt_of(example);
    const bool is_new = std::ranges::find(prompts, ids, &SamplePrompt::ids) == prompts.end();
    if (ids.empty() || !is_new) continue;
    prompts.push_back({tokenizer.decode(ids), std::move(ids)});
  }
  return prompts;
}

Json make_samples(const TrainSetup& setup, const std::vector<SamplePrompt>& prompts, bool quiet) {
  ProgressLine progress(quiet);
  if (!prompts.empty()) {
    spdlog::info("writing samples for {}", counted(std::ssize(prompts), "prompt"));
  }
  std::vector<std::string> base, tuned;
  const auto total = 2 * std::ssize(prompts);
  for (auto* texts : {&base, &tuned}) {
    setup.adaptation().set_strength(texts == &base ? 0 : setup.run().strength);
    for (const SamplePrompt& prompt : prompts) {
      texts->push_back(continuation(setup, prompt));
      progress.counting("sampling", std::ssize(base) + std::ssize(tuned), total);
    }
  }
  setup.adaptation().set_strength(1);
  progress.clear();
  Json samples = Json::array();
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    samples.push_back({{"prompt", prompts[i].text}, {"base", base[i]}, {"tuned", tuned[i]}});
  }
  return samples;
}

}  // namespace expandft
