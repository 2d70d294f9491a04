#include "run/samples.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/wording.h"
#include "chat/model_chat.h"
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

/// The tokens before the first learned one; of plain text, which is learned whole, its beginning.
std::vector<TokenId> prompt_of(const Example& example) {
  std::size_t given = 1;  // nothing predicts the first token, so it is never learned
  while (given < example.tokens.size() && example.learned[given] == 0) ++given;
  if (given == example.tokens.size()) return {};
  if (given == 1) given = std::min(kPlainPrompt, example.tokens.size());
  return {example.tokens.begin(), example.tokens.begin() + static_cast<std::ptrdiff_t>(given)};
}

/// How the conversations that the run trains on are written, where there are any.
std::optional<ModelChat> trained_chat(const RunConfig& run, const RunBase& base,
                                      const RunData& data) {
  if (data.training->report.conversations == 0) return std::nullopt;
  return ModelChat(run.model_directory, run.data.chat_template, *base.tokenizer);
}

GenerationOptions sample_options(const RunBase& base, const std::optional<ModelChat>& chat) {
  GenerationOptions options{.max_tokens = kContinuation,
                            .sampling = {.temperature = 0},
                            .end_tokens = end_tokens(base.directory, *base.tokenizer)};
  if (chat) {
    const std::vector<TokenId> end = chat->end_tokens();
    options.end_tokens.insert(options.end_tokens.end(), end.begin(), end.end());
  }
  return options;
}

std::vector<SamplePrompt> given_prompts(const RunConfig& run, const RunBase& base,
                                        const std::optional<ModelChat>& chat) {
  const Tokenizer& tokenizer = *base.tokenizer;
  const std::vector<std::string>& given = run.evaluation.prompts;
  std::vector<SamplePrompt> prompts;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string where = fmt::format("evaluation.prompts[{}]", i);
    std::vector<TokenId> ids = chat ? chat->prompt(given[i], where).ids
                                    : tokenizer.encode(given[i], {.bos = tokenizer.adds_bos()});
    if (ids.empty() || std::ssize(ids) > base.spec.max_positions) {
      throw input_error(fmt::format("the prompt has {}; expected 1 to {}, the model's positions",
                                    counted(std::ssize(ids), "token"), base.spec.max_positions),
                        where);
    }
    prompts.push_back({given[i], std::move(ids)});
  }
  return prompts;
}

std::vector<SamplePrompt> prompts_from(const Dataset& data, const Tokenizer& tokenizer) {
  std::vector<SamplePrompt> prompts;
  for (const Example& example : data.examples) {
    if (prompts.size() == kFromData) break;
    std::vector<TokenId> ids = prompt_of(example);
    const bool is_new = std::ranges::find(prompts, ids, &SamplePrompt::ids) == prompts.end();
    if (ids.empty() || !is_new) continue;
    prompts.push_back({tokenizer.decode(ids), std::move(ids)});
  }
  return prompts;
}

std::string continuation(const Decoder& decoder, const Tokenizer& tokenizer,
                         const SamplePrompt& prompt, const GenerationOptions& options) {
  StreamDecoder stream(tokenizer, !prompt.text.empty());
  std::string text;
  const Generation written =
      generate(decoder, prompt.ids, options, [&](TokenId id) { text += stream.push(id); });
  text += stream.finish();
  // Special tokens are no text, but a model that wrote some did write something.
  return text.empty() ? tokenizer.decode(written.tokens, false) : text;
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

SamplePlan plan_samples(const RunConfig& run, const RunBase& base, const RunData& data) {
  const std::optional<ModelChat> chat = trained_chat(run, base, data);
  SamplePlan plan{given_prompts(run, base, chat), sample_options(base, chat)};
  if (plan.prompts.empty()) {
    plan.prompts =
        prompts_from(data.validation ? *data.validation : *data.training, *base.tokenizer);
  }
  return plan;
}

Json make_samples(const SamplePlan& plan, const Tokenizer& tokenizer, const RunModel& model,
                  const Strength& strength, bool quiet) {
  const std::vector<SamplePrompt>& prompts = plan.prompts;
  ProgressLine progress(quiet);
  if (!prompts.empty()) {
    spdlog::info("writing samples for {}", counted(std::ssize(prompts), "prompt"));
  }
  std::vector<std::string> base, tuned;
  const auto total = 2 * std::ssize(prompts);
  for (auto* texts : {&base, &tuned}) {
    model.adaptation().set_strength(texts == &base ? Strength(0) : strength);
    for (const SamplePrompt& prompt : prompts) {
      texts->push_back(continuation(model.decoder, tokenizer, prompt, plan.options));
      progress.counting("sampling", std::ssize(base) + std::ssize(tuned), total);
    }
  }
  model.adaptation().set_strength(1);
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
