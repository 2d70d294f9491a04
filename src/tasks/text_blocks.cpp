#include "tasks/text_blocks.h"

#include "base/error.h"
#include "base/wording.h"
#include "data/text_file.h"

#include <algorithm>

namespace expandft {
namespace {

void check_block_length(const TaskConfig& task, std::int64_t max_positions) {
  if (task.block_length >= 2 && task.block_length <= max_positions) return;
  throw input_error("task " + task.name + " has blocks of " + std::to_string(task.block_length) +
                        " tokens; expected 2 to " + std::to_string(max_positions) +
                        ", the model's max_position_embeddings",
                    task.file.string(), "set block_length in the task's file");
}

/// Whether encoding put a space before the text, which is no part of it. `ids` begin with BOS.
bool has_extra_space(const Tokenizer& tokenizer, const std::vector<TokenId>& ids,
                     const std::string& text) {
  if (ids.size() < 2 || !tokenizer.token_bytes(ids[1]).starts_with(' ')) return false;
  std::size_t bytes = 0;
  for (std::size_t i = 1; i < ids.size(); ++i) bytes += tokenizer.token_bytes(ids[i]).size();
  return tokenizer.strips_first_space() && bytes == text.size() + 1;
}

}  // namespace

TextBlocks read_text_blocks(const TaskConfig& task, const Tokenizer& tokenizer,
                            std::int64_t max_positions) {
  check_block_length(task, max_positions);
  std::string text;
  for (TextStream stream(task.data); stream.append(std::size_t{1} << 22, text);) {
  }
  TextBlocks out{.bos = tokenizer.adds_bos() && tokenizer.bos().has_value()};
  std::vector<TokenId> ids = tokenizer.encode(text, {.bos = out.bos});
  const bool extra_space = out.bos && has_extra_space(tokenizer, ids, text);
  if (task.max_tokens > 0 && std::ssize(ids) > task.max_tokens) {
    ids.resize(static_cast<std::size_t>(task.max_tokens));
  }
  if (ids.size() < 2) {
    throw input_error("task " + task.name + " has a text of " + counted(std::ssize(ids), "token") +
                          "; nothing can be predicted",
                      task.data.string());
  }
  const auto length = static_cast<std::size_t>(task.block_length);
  for (std::size_t begin = 0; begin + 1 < ids.size(); begin += length) {
    const std::size_t end = std::min(begin + length, ids.size());
    TextBlock block{.tokens = {ids.begin() + static_cast<std::ptrdiff_t>(begin),
                               ids.begin() + static_cast<std::ptrdiff_t>(end)}};
    for (std::size_t i = begin + 1; i < end; ++i) {
      block.bytes += std::ssize(tokenizer.token_bytes(ids[i]));
    }
    out.blocks.push_back(std::move(block));
  }
  if (extra_space) --out.blocks.front().bytes;
  if (task.max_examples > 0 && std::ssize(out.blocks) > task.max_examples) {
    out.blocks.resize(static_cast<std::size_t>(task.max_examples));
  }
  return out;
}

}  // namespace expandft
