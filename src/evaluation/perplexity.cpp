#include "evaluation/perplexity.h"

#include "base/error.h"
#include "text/batch.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace expandft {
namespace {

double log_prob_sum(const std::vector<BlockScore>& blocks) {
  double sum = 0;
  for (const BlockScore& block : blocks) sum += block.log_prob;
  return sum;
}

void check_task(const TaskConfig& task, const DecoderSpec& spec) {
  if (task.type != "perplexity") {
    throw input_error(
        "task " + task.name + " is of type \"" + task.type + "\"; expected \"perplexity\"",
        task.file.string());
  }
  const std::int64_t longest = spec.max_positions;
  if (task.block_length < 2 || task.block_length > longest) {
    throw input_error("task " + task.name + " has blocks of " + std::to_string(task.block_length) +
                          " tokens; expected 2 to " + std::to_string(longest) +
                          ", the model's max_position_embeddings",
                      task.file.string(), "set block_length in the task's file");
  }
}

/// Whether encoding put a space before the text, which is no part of it. `ids` begin with BOS.
bool has_extra_space(const Tokenizer& tokenizer, const std::vector<TokenId>& ids,
                     const std::string& text) {
  if (ids.size() < 2 || !tokenizer.token_bytes(ids[1]).starts_with(' ')) return false;
  std::size_t bytes = 0;
  for (std::size_t i = 1; i < ids.size(); ++i) bytes += tokenizer.token_bytes(ids[i]).size();
  return tokenizer.strips_first_space() && bytes == text.size() + 1;
}

struct TaskText {
  std::string text;
  std::vector<TokenId> ids;  // all that are scored, BOS included
  bool bos = false, extra_space = false;
};

TaskText read_text(const TaskConfig& task, const Tokenizer& tokenizer) {
  TaskText out{.text = read_file(task.data),
               .bos = tokenizer.adds_bos() && tokenizer.bos().has_value()};
  out.ids = tokenizer.encode(out.text, {.bos = out.bos});
  out.extra_space = out.bos && has_extra_space(tokenizer, out.ids, out.text);
  if (task.max_tokens > 0 && std::ssize(out.ids) > task.max_tokens) {
    out.ids.resize(static_cast<std::size_t>(task.max_tokens));
  }
  if (out.ids.size() < 2) {
    throw input_error("task " + task.name + " has a text of " + std::to_string(out.ids.size()) +
                          " tokens; nothing can be predicted",
                      task.data.string());
  }
  return out;
}

/// Adds up the log-probabilities of a batch whose sequences are the blocks from `first` on.
void add_scores(const at::Tensor& log_probs, std::size_t first, TaskResult& result) {
  const at::Tensor host = log_probs.to(at::kCPU, at::kDouble).contiguous();
  const double* next = host.data_ptr<double>();
  const double* const end = next + host.numel();
  for (std::size_t i = first; next != end; ++i) {
    BlockScore& block = result.blocks[i];
    for (std::int64_t t = 0; t < block.tokens; ++t) block.log_prob += *next++;
    if (!std::isfinite(block.log_prob)) {
      throw failure("the model gives a log-probability that is not finite, in block " +
                        std::to_string(i) + " of task " + result.task.name,
                    result.task.data.string(),
                    "its weights or its precision are at fault: try --precision float32");
    }
  }
}

}  // namespace

double TaskResult::loss() const {
  return -log_prob_sum(blocks) / static_cast<double>(tokens);
}
double TaskResult::perplexity() const {
  return std::exp(loss());
}
double TaskResult::bits_per_byte() const {
  return -log_prob_sum(blocks) / (std::numbers::ln2 * static_cast<double>(bytes));
}

void check_tasks(const std::vector<TaskConfig>& tasks, const Tokenizer& tokenizer,
                 const DecoderSpec& spec) {
  for (const TaskConfig& task : tasks) {
    check_task(task, spec);
    read_text(task, tokenizer);
  }
}

TaskResult evaluate(const Decoder& decoder, const Tokenizer& tokenizer, const TaskConfig& task,
                    const ProgressFn& progress, std::int64_t forward_tokens) {
  check_task(task, decoder.spec());
  const TaskText source = read_text(task, tokenizer);
  const std::vector<TokenId>& ids = source.ids;
  TaskResult result{.task = task, .bos = source.bos};
  if (source.extra_space) --result.bytes;

  std::vector<Example> blocks;
  const auto length = static_cast<std::size_t>(task.block_length);
  for (std::size_t begin = 0; begin + 1 < ids.size(); begin += length) {
    const std::size_t end = std::min(begin + length, ids.size());
    blocks.push_back({{ids.begin() + static_cast<std::ptrdiff_t>(begin),
                       ids.begin() + static_cast<std::ptrdiff_t>(end)},
                      std::vector<std::uint8_t>(end - begin, 1)});
    result.blocks.push_back({.tokens = static_cast<std::int64_t>(end - begin) - 1});
    result.tokens += result.blocks.back().tokens;
    for (std::size_t i = begin + 1; i < end; ++i) {
      result.bytes += std::ssize(tokenizer.token_bytes(ids[i]));
    }
  }

  const auto total = std::ssize(blocks);
  for (std::size_t done = 0; done < blocks.size();) {
    const std::size_t first = done;
    TokenBatch batch;
    do {
      batch.append(blocks[done++]);
    } while (done < blocks.size() &&
             batch.tokens() + std::ssize(blocks[done].tokens) <= forward_tokens);
    add_scores(decoder.log_probs(to_device(batch, decoder.device())), first, result);
    if (progress) progress(static_cast<std::int64_t>(done), total);
  }
  return result;
}

}  // namespace expandft
