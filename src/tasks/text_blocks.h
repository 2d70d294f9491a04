#pragma once

#include "config/task_config.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <vector>

namespace expandft {

/// Tokens that are scored together, from a fresh start. The first has no prediction.
struct TextBlock {
  std::vector<TokenId> tokens;  // at least two
  std::int64_t bytes = 0;       // of the text that the predicted tokens stand for
};

struct TextBlocks {
  std::vector<TextBlock> blocks;
  bool bos = false;  // whether BOS stands before the text
};

/// Cuts a perplexity task's text into blocks. Input errors: blocks longer than the model reads, a
/// text that cannot be read or has less than two tokens.
TextBlocks read_text_blocks(const TaskConfig& task, const Tokenizer& tokenizer,
                            std::int64_t max_positions);

}  // namespace expandft
