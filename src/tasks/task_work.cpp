#include "tasks/task_work.h"

#include "base/hash.h"
#include "tasks/check_task.h"
#include "tasks/text_blocks.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

constexpr std::int64_t kDefaultNewTokens = 256, kPromptsAtOnce = 32;
constexpr std::int64_t kCachedTokens = 16384;  // of a batch, whose keys and values have room

std::string place_of(const TaskConfig& task, const TaskExample& example) {
  return task.data.string() + ":" + std::to_string(example.line);
}

/// Items and blanks of the examples' texts or prompts.
void add_items(const PromptEncoder& encoder, TaskWork& work) {
  for (const TaskExample& example : *work.examples) {
    const std::string where = place_of(work.task, example);
    const std::size_t place = work.blank.size();
    ExampleOutput blank;
    if (work.task.writes()) {
      work.items.push_back(
          {.example = place,
           .prompt = encoder.prompt(example.prompt, work.max_new_tokens(), where)});
      blank.truncated = work.items.back().prompt.truncated;
    } else if (work.task.type == TaskType::kRolling) {
      for (TokenRequest& window : encoder.windows(example.texts.front().continuation, where)) {
        work.items.push_back({.example = place, .requests = {std::move(window)}});
      }
    } else {
      work.items.push_back({.example = place, .requests = encoder.pairs(example.texts, where)});
      blank.truncated = std::ranges::any_of(work.items.back().requests, &TokenRequest::truncated);
    }
    work.blank.push_back(std::move(blank));
  }
}

void add_blocks(const Tokenizer& tokenizer, std::int64_t max_positions, TaskWork& work) {
  TextBlocks text = read_text_blocks(work.task, tokenizer, max_positions);
  work.bos = text.bos;
  for (TextBlock& block : text.blocks) {
    work.blank.push_back({.bytes = block.bytes});
    const auto rest = block.tokens.begin() + 1;
    work.items.push_back(
        {.example = work.blank.size() - 1,
         .requests = {{{block.tokens.begin(), rest}, {rest, block.tokens.end()}}}});
  }
}

/// Tokens of all of an item's requests; what they share counts once, as it is computed.
std::int64_t size_of(const WorkItem& item) {
  if (item.requests.empty()) return std::ssize(item.prompt.tokens);
  std::int64_t size = 0;
  for (const TokenRequest& request : item.requests) {
    const std::int64_t context = std::ssize(request.context);
    size = std::max(size, context);
    size += std::ssize(request.continuation);
  }
  return size;
}

/// Whether a batch of prompts, each of which may grow to so many tokens, takes no more of them.
bool is_full(std::int64_t prompts, std::int64_t longest) {
  return prompts == kPromptsAtOnce || (prompts + 1) * longest > kCachedTokens;
}

void plan_batches(std::int64_t forward_tokens, TaskWork& work) {
  std::vector<std::int64_t> sizes;
  for (const WorkItem& item : work.items) sizes.push_back(size_of(item));
  std::vector<std::size_t> order(work.items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return sizes[i]; });
  std::int64_t tokens = 0;
  for (const std::size_t i : order) {
    const bool full =
        work.batches.empty() || tokens + sizes[i] > forward_tokens ||
        (work.task.writes() && is_full(std::ssize(work.batches.back()),
                                       sizes[work.batches.back().front()] + work.max_new_tokens()));
    if (full) {
      work.batches.emplace_back();
      work.batch_tokens.push_back(0);
      tokens = 0;
    }
    work.batches.back().push_back(i);
    tokens += sizes[i];
    work.batch_tokens.back() += sizes[i] + (work.task.writes() ? work.max_new_tokens() : 0);
  }
}

}  // namespace

std::int64_t TaskWork::max_new_tokens() const {
  return task.max_tokens > 0 ? task.max_tokens : kDefaultNewTokens;
}

std::string TaskWork::fingerprint() const {
  Hash hash;
  for (const WorkItem& item : items) {
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

TaskWork prepare_task(const TaskConfig& task, const Tokenizer& tokenizer,
                      std::int64_t max_positions, std::int64_t forward_tokens) {
  check_task(task);
  TaskWork work{.task = task, .max_positions = max_positions};
  if (task.type == TaskType::kPerplexity) {
    add_blocks(tokenizer, max_positions, work);
  } else {
    const PromptEncoder encoder(tokenizer, max_positions);
    work.bos = encoder.adds_bos();
    work.examples = std::make_shared<const std::vector<TaskExample>>(load_examples(task));
    add_items(encoder, work);
  }
  plan_batches(forward_tokens, work);
  return work;
}

std::vector<TaskWork> prepare_tasks(const std::vector<TaskConfig>& tasks,
                                    const Tokenizer& tokenizer, std::int64_t max_positions) {
  std::vector<TaskWork> works;
  for (const TaskConfig& task : tasks) {
    works.push_back(prepare_task(task, tokenizer, max_positions));
  }
  return works;
}

TaskResult finish_task(const TaskWork& work, const std::vector<BatchOutputs>& outputs) {
  std::vector<ExampleOutput> examples = work.blank;
  std::vector<const ExampleOutput*> of_item(work.items.size());
  for (std::size_t b = 0; b < work.batches.size(); ++b) {
    for (std::size_t i = 0; i < work.batches[b].size(); ++i) {
      of_item[work.batches[b][i]] = &outputs.at(b).at(i);
    }
  }
  for (std::size_t i = 0; i < work.items.size(); ++i) {
    ExampleOutput& example = examples[work.items[i].example];
    const std::vector<Likelihood>& found = of_item[i]->likelihoods;
    example.likelihoods.insert(example.likelihoods.end(), found.begin(), found.end());
    example.text += of_item[i]->text;
  }
  TaskResult result = score_outputs(work.task, work.examples, std::move(examples));
  result.bos = work.bos;
  return result;
}

}  // namespace expandft
