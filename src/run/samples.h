#pragma once

#include "run/train_setup.h"

#include <string>
#include <vector>

namespace expandft {

/// A text that base and tuned model continue, as tokens.
struct SamplePrompt {
  std::string text;
  std::vector<TokenId> ids;
};

/// evaluation.prompts, which are questions in the chat format where data.train has conversations;
/// without them up to 3 from the validation data, or else from the training
/// data: the prompt of a row, or the first 16 tokens of plain text. Input error for a prompt that
/// the model has no positions for.
std::vector<SamplePrompt> sample_prompts(const TrainSetup& setup);

/// What the base and the model in memory, at the config's strength, make of each prompt, taking the
/// likeliest token each time: [{"prompt", "base", "tuned"}]. Says so where one writes nothing.
Json make_samples(const TrainSetup& setup, const std::vector<SamplePrompt>& prompts, bool quiet);

}  // namespace expandft
