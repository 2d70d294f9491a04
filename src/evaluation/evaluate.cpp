#include "evaluation/evaluate.h"

#include "base/error.h"
#include "evaluation/batch_generation.h"
#include "evaluation/likelihood.h"

#include <chrono>
#include <cmath>
#include <utility>

namespace expandft {
namespace {

void check_finite(const TaskWork& work, std::size_t example, const std::vector<Likelihood>& found) {
  for (const Likelihood& likelihood : found) {
    if (std::isfinite(likelihood.log_prob)) continue;
    throw failure("the model gives a log-probability that is not finite, in example " +
                      std::to_string(example) + " of task " + work.task.name,
                  work.task.data.string(),
                  "its weights or its precision are at fault: try --precision float32");
  }
}

BatchOutputs compute(const Decoder& decoder, const Tokenizer& tokenizer, const TaskWork& work,
                     const std::vector<std::size_t>& batch, const EvaluationOptions& options) {
  BatchOutputs outputs(batch.size());
  if (work.task.writes()) {
    std::vector<const TokenPrompt*> prompts;
    for (const std::size_t item : batch) prompts.push_back(&work.items[item].prompt);
    std::vector<std::string> texts =
        write_texts(decoder, tokenizer, prompts,
                    {.max_tokens = work.max_new_tokens(),
                     .until = work.task.until,
                     .end_tokens = options.end_tokens,
                     .where = "task " + work.task.name + ": " + work.task.data.string()});
    for (std::size_t i = 0; i < batch.size(); ++i) outputs[i].text = std::move(texts[i]);
    return outputs;
  }
  std::vector<const RequestGroup*> groups;
  for (const std::size_t item : batch) groups.push_back(&work.items[item].requests);
  std::vector<std::vector<Likelihood>> found = likelihoods(decoder, groups);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    check_finite(work, work.items[batch[i]].example, found[i]);
    outputs[i].likelihoods = std::move(found[i]);
  }
  return outputs;
}

}  // namespace

TaskResult evaluate(const Decoder& decoder, const Tokenizer& tokenizer, const TaskWork& work,
                    const EvaluationOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto kept = [&](std::size_t batch) {
    return options.cache != nullptr ? options.cache->find(batch) : nullptr;
  };
  std::int64_t left = 0, computed = 0;  // tokens
  for (std::size_t i = 0; i < work.batches.size(); ++i) {
    if (kept(i) == nullptr) left += work.batch_tokens[i];
  }
  std::vector<BatchOutputs> outputs;
  EvaluationProgress progress{.total = std::ssize(work.items)};
  const Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < work.batches.size(); ++i) {
    if (const BatchOutputs* const known = kept(i)) {
      outputs.push_back(*known);
    } else {
      outputs.push_back(compute(decoder, tokenizer, work, work.batches[i], options));
      if (options.cache != nullptr) options.cache->add(i, outputs.back());
      computed += work.batch_tokens[i];
      left -= work.batch_tokens[i];
      const std::chrono::duration<double> seconds = Clock::now() - start;
      progress.seconds_left =
          seconds.count() * static_cast<double>(left) / static_cast<double>(computed);
    }
    progress.done += std::ssize(work.batches[i]);
    if (options.progress) options.progress(progress);
  }
  return finish_task(work, outputs);
}

TaskResult cached_result(const TaskWork& work, const OutputCache& cache) {
  std::vector<BatchOutputs> outputs;
  for (std::size_t i = 0; i < work.batches.size(); ++i) outputs.push_back(*cache.find(i));
  return finish_task(work, outputs);
}

}  // namespace expandft
