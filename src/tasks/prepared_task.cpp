#include "tasks/prepared_task.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/wording.h"
#include "data/text_file.h"
#include "tasks/example.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

constexpr std::int64_t kDefaultNewTokens = 256, kPromptsAtOnce = 64;
constexpr std::int64_t kCachedTokens = 16384;  // of a batch, whose keys and values have room

std::string place_of(const TaskConfig& task, const TaskExample& example) {
  return task.data.string() + ":" + std::to_string(example.line);
}

/// Items and blank outputs of the examples' texts or prompts.
void add_examples(const PromptEncoder& encoder, PreparedTask& prepared) {
  for (const TaskExample& example : *prepared.examples) {
    const std::string where = place_of(prepared.task, example);
    const std::size_t place = prepared.blank.size();
    ExampleOutput blank;
    if (prepared.task.writes()) {
      prepared.items.push_back(
          {.example = place,
           .prompt = encoder.prompt(example.prompt, prepared.max_new_tokens(), where)});
      blank.truncated = prepared.items.back().prompt.truncated;
    } else if (prepared.task.type == TaskType::kRolling) {
      for (TokenRequest& window : encoder.windows(example.texts.front().continuation, where)) {
        prepared.items.push_back({.example = place, .requests = {std::move(window)}});
      }
    } else {
      prepared.items.push_back({.example = place, .requests = encoder.pairs(example.texts, where)});
      blank.truncated =
          std::ranges::any_of(prepared.items.back().requests, &TokenRequest::truncated);
    }
    prepared.blank.push_back(std::move(blank));
  }
}

void check_block_length(const TaskConfig& task, std::int64_t max_positions) {
  if (task.block_length >= 2 && task.block_length <= max_positions) return;
  throw input_error("task " + task.name + " has blocks of " + std::to_string(task.block_length) +
                        " tokens; expected 2 to " + std::to_string(max_positions) +
                        ", the model's max_position_embeddings",
                    task.file.string(), "set block_length in the task's file");
}

/// Whether encoding added a space before the text. `ids` start with BOS.
bool has_extra_space(const Tokenizer& tokenizer, const std::vector<TokenId>& ids,
                     const std::string& text) {
  if (ids.size() < 2 || !tokenizer.token_bytes(ids[1]).starts_with(' ')) return false;
  std::size_t bytes = 0;
  for (std::size_t i = 1; i < ids.size(); ++i) bytes += tokenizer.token_bytes(ids[i]).size();
  return tokenizer.strips_first_space() && bytes == text.size() + 1;
}

/// An item and a blank output for each block of a perplexity task's text. A block is scored by
/// itself: its first token has no prediction, and a last block of one token is dropped.
void add_blocks(const Tokenizer& tokenizer, PreparedTask& prepared) {
  const TaskConfig& task = prepared.task;
  check_block_length(task, prepared.max_positions);
  std::string text;
  for (TextStream stream(task.data); stream.append(std::size_t{1} << 22, text);) {
  }
  prepared.bos = tokenizer.adds_bos() && tokenizer.bos().has_value();
  std::vector<TokenId> ids = tokenizer.encode(text, {.bos = prepared.bos});
  const bool extra_space = prepared.bos && has_extra_space(tokenizer, ids, text);
  if (task.max_tokens > 0 && std::ssize(ids) > task.max_tokens) {
    ids.resize(static_cast<std::size_t>(task.max_tokens));
  }
  if (ids.size() < 2) {
    throw input_error("the text of task " + task.name + " has only " +
                          counted(std::ssize(ids), "token") + ", so nothing can be predicted",
                      task.data.string());
  }
  for (auto begin = ids.begin(); ids.end() - begin >= 2;) {
    if (task.max_examples > 0 && std::ssize(prepared.items) == task.max_examples) break;
    const auto end = begin + std::min<std::ptrdiff_t>(task.block_length, ids.end() - begin);
    ExampleOutput& blank = prepared.blank.emplace_back();
    for (auto id = begin + 1; id != end; ++id)
      blank.bytes += std::ssize(tokenizer.token_bytes(*id));
    prepared.items.push_back({.example = prepared.blank.size() - 1,
                              .requests = {{{begin, begin + 1}, {begin + 1, end}}}});
    begin = end;
  }
  if (extra_space) --prepared.blank.front().bytes;
}

/// Tokens of all of an item's requests. A context that they share is computed, and counted, once.
std::int64_t size_of(const TaskItem& item) {
  if (item.requests.empty()) return std::ssize(item.prompt.tokens);
  std::int64_t size = 0;
  for (const TokenRequest& request : item.requests) {
    const std::int64_t context = std::ssize(request.context);
    size = std::max(size, context);
    size += std::ssize(request.continuation);
  }
  return size;
}

/// Whether a batch of so many prompts, each of which may grow to `longest` tokens, has no room for
/// another.
bool is_full(std::int64_t prompts, std::int64_t longest) {
  return prompts == kPromptsAtOnce || (prompts + 1) * longest > kCachedTokens;
}

void plan_batches(std::int64_t forward_tokens, PreparedTask& prepared) {
  std::vector<std::int64_t> sizes;
  for (const TaskItem& item : prepared.items) sizes.push_back(size_of(item));
  std::vector<std::size_t> order(prepared.items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return sizes[i]; });
  std::int64_t tokens = 0;
  for (const std::size_t i : order) {
    const bool full = prepared.batches.empty() || tokens + sizes[i] > forward_tokens ||
                      (prepared.task.writes() &&
                       is_full(std::ssize(prepared.batches.back()),
                               sizes[prepared.batches.back().front()] + prepared.max_new_tokens()));
    if (full) {
      prepared.batches.emplace_back();
      prepared.batch_tokens.push_back(0);
      tokens = 0;
    }
    prepared.batches.back().push_back(i);
    tokens += sizes[i];
    prepared.batch_tokens.back() +=
        sizes[i] + (prepared.task.writes() ? prepared.max_new_tokens() : 0);
  }
}

}  // namespace

std::int64_t PreparedTask::max_new_tokens() const {
  return task.max_tokens > 0 ? task.max_tokens : kDefaultNewTokens;
}

std::string PreparedTask::fingerprint() const {
  Hash hash;
  for (const TaskItem& item : items) {
    hash.add(static_cast<std::uint64_t>(item.example));
    hash.add(static_cast<std::uint64_t>(item.requests.size()));
    for (const TokenRequest& request : item.requests) {
      hash.add(request.context);
      hash.add(request.continuation);
    }
    hash.add(item.prompt.tokens);
  }
  for (const std::vector<std::size_t>& batch : batches) hash.add(batch);
  if (task.writes()) {
    hash.add(static_cast<std::uint64_t>(max_new_tokens()));
    for (const std::string& stop : task.until) hash.add(std::string_view(stop));
  }
  return hash.digits();
}

PreparedTask prepare_task(const TaskConfig& task, const Tokenizer& tokenizer,
                          std::int64_t max_positions, std::int64_t forward_tokens) {
  check_task(task);
  PreparedTask prepared{.task = task, .max_positions = max_positions};
  if (task.type == TaskType::kPerplexity) {
    add_blocks(tokenizer, prepared);
  } else {
    const PromptEncoder encoder(tokenizer, max_positions);
    prepared.bos = encoder.adds_bos();
    prepared.examples = std::make_shared<const std::vector<TaskExample>>(load_examples(task));
    add_examples(encoder, prepared);
  }
  plan_batches(forward_tokens, prepared);
  return prepared;
}

std::vector<PreparedTask> prepare_tasks(const std::vector<TaskConfig>& tasks,
                                        const Tokenizer& tokenizer, std::int64_t max_positions) {
  std::vector<PreparedTask> all;
  for (const TaskConfig& task : tasks) {
    all.push_back(prepare_task(task, tokenizer, max_positions));
  }
  return all;
}

TaskResult finish_task(const PreparedTask& prepared, const std::vector<BatchOutputs>& outputs) {
  std::vector<ExampleOutput> examples = prepared.blank;
  std::vector<const ExampleOutput*> of_item(prepared.items.size());
  for (std::size_t b = 0; b < prepared.batches.size(); ++b) {
    for (std::size_t i = 0; i < prepared.batches[b].size(); ++i) {
      of_item[prepared.batches[b][i]] = &outputs.at(b).at(i);
    }
  }
  for (std::size_t i = 0; i < prepared.items.size(); ++i) {
    ExampleOutput& example = examples[prepared.items[i].example];
    const std::vector<Likelihood>& found = of_item[i]->likelihoods;
    example.likelihoods.insert(example.likelihoods.end(), found.begin(), found.end());
    example.text += of_item[i]->text;
  }
  TaskResult result = score_outputs(prepared.task, prepared.examples, std::move(examples));
  result.bos = prepared.bos;
  return result;
}

}  // namespace expandft
