#pragma once

#include "evaluation/generation.h"
#include "run/prepared_run.h"

#include <string>
#include <vector>

namespace expandft {

/// A text that base and tuned model continue, as tokens.
struct SamplePrompt {
  std::string text;
  std::vector<TokenId> ids;
};

/// What the samples of a run are made from.
struct SamplePlan {
  std::vector<SamplePrompt> prompts;
  GenerationOptions options;  // the likeliest token each time
};

/// The prompts of evaluation.prompts, written as questions in the chat format where data.train has
/// conversations. Without them up to 3 from the validation data, or else from the training data:
/// the prompt of a row, or the first 16 tokens of plain text. Input error for a prompt that the
/// model has no positions for.
SamplePlan plan_samples(const RunConfig& run, const RunBase& base, const RunData& data);

/// How the base and the model in memory at `strength` continue each prompt: [{"prompt", "base",
/// "tuned"}]. Logs where one writes nothing.
Json make_samples(const SamplePlan& plan, const Tokenizer& tokenizer, const RunModel& model,
                  const Strength& strength, bool quiet);

}  // namespace expandft
