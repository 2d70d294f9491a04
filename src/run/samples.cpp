#include "run/samples.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/wording.h"
#include "chat/chat_encoding.h"
#include "chat/chat_template.h"
#include "evaluation/generation.h"
#include "report/progress.h"
#include "run/open_model.h"
#include "tokenizer/generated_text.h"

#include <algorithm>
#include <optional>
#include <utility>

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

/// The format of the conversations that the run trains on, where there are any.
std::optional<ChatFormat> trained_format(const TrainSetup& setup) {
  if (setup.training_data.report.conversations == 0) return std::nullopt;
  return chat_format_of(setup.run().model, setup.run().data.chat_format, *setup.tokenizer);
}

GenerationOptions sample_options(const TrainSetup& setup) {
  GenerationOptions options{.max_tokens = kContinuation,
                            .sampling = {.temperature = 0},
                            .end_tokens = end_tokens(setup.base, *setup.tokenizer)};
  if (const auto format = trained_format(setup)) {
    const std::vector<TokenId> end = answer_end(*format, *setup.tokenizer);
    options.end_tokens.insert(options.end_tokens.end(), end.begin(), end.end());
  }
  return options;
}

std::string continuation(const TrainSetup& setup, const SamplePrompt& prompt,
                         const GenerationOptions& options) {
  StreamDecoder stream(*setup.tokenizer, !prompt.text.empty());
  std::string text;
  const Generation written =
      generate(setup.decoder, prompt.ids, options, [&](TokenId id) { text += stream.push(id); });
  text += stream.finish();
  // Special tokens are no text, but not nothing either.
  return text.empty() ? setup.tokenizer->decode(written.tokens, false) : text;
}

/// A sample of nothing looks like a fault of the program's.
void explain_nothing(const char* model, const std::string& prompt) {
  constexpr std::size_t kShown = 40;
  spdlog::info(
      "the {} model writes nothing after \"{}\": the likeliest next token is the one that ends a "
      "text",
      model, printable(cut_to_bytes(prompt, kShown)));
}

}  // namespace

std::vector<SamplePrompt> sample_prompts(const TrainSetup& setup) {
  const Tokenizer& tokenizer = *setup.tokenizer;
  std::vector<SamplePrompt> prompts;
  const std::vector<std::string>& given = setup.run().evaluation.prompts;
  const std::optional<ChatFormat> format = given.empty() ? std::nullopt : trained_format(setup);
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string where = fmt::format("evaluation.prompts[{}]", i);
    std::vector<TokenId> ids = format ? chat_prompt(*format, given[i], where, tokenizer).ids
                                      : tokenizer.encode(given[i], {.bos = tokenizer.adds_bos()});
    if (ids.empty() || std::ssize(ids) > setup.spec.max_positions) {
      throw input_error(fmt::format("the prompt has {}; expected 1 to {}, the model's positions",
                                    counted(std::ssize(ids), "token"), setup.spec.max_positions),
                        where);
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
  const GenerationOptions options = sample_options(setup);
  std::vector<std::string> base, tuned;
  const auto total = 2 * std::ssize(prompts);
  for (auto* texts : {&base, &tuned}) {
    setup.adaptation().set_strength(texts == &base ? 0 : setup.run().strength);
    for (const SamplePrompt& prompt : prompts) {
      texts->push_back(continuation(setup, prompt, options));
      progress.counting("sampling", std::ssize(base) + std::ssize(tuned), total);
    }
  }
  setup.adaptation().set_strength(1);
  progress.clear();
  Json samples = Json::array();
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (base[i].empty()) explain_nothing("base", prompts[i].text);
    if (tuned[i].empty()) explain_nothing("tuned", prompts[i].text);
    samples.push_back({{"prompt", prompts[i].text}, {"base", base[i]}, {"tuned", tuned[i]}});
  }
  return samples;
}

}  // namespace expandft
