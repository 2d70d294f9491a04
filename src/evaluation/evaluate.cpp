#include "evaluation/evaluate.h"

#include "base/error.h"
#include "evaluation/generation.h"
#include "evaluation/likelihood.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <span>
#include <utility>

namespace expandft {
namespace {

void check_finite(const Decoder& decoder, const PreparedTask& work, std::size_t example,
                  const std::vector<Likelihood>& found) {
  for (const Likelihood& likelihood : found) {
    if (std::isfinite(likelihood.log_prob)) continue;
    throw decoder.non_finite_error("a non-finite log-probability in example " +
                                       std::to_string(example) + " of task " + work.task.name,
                                   work.task.data.string());
  }
}

BatchOutputs compute(const Decoder& decoder, const Tokenizer& tokenizer, const PreparedTask& work,
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
    check_finite(decoder, work, work.items[batch[i]].example, found[i]);
    outputs[i].likelihoods = std::move(found[i]);
  }
  return outputs;
}

/// The outputs in rank 0's cache, by batch, on all ranks.
std::map<std::size_t, BatchOutputs> known_outputs(const PreparedTask& work,
                                                  const EvaluationOptions& options) {
  std::map<std::size_t, BatchOutputs> known;
  if (options.group.is_first() && options.cache != nullptr) {
    for (std::size_t i = 0; i < work.batches.size(); ++i) {
      if (const BatchOutputs* const found = options.cache->find(i)) known[i] = *found;
    }
  }
  if (options.group.is_alone()) return known;
  Json message = Json::array();
  for (const auto& [batch, outputs] : known) message.push_back({batch, outputs_json(outputs)});
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (const Json& one : Json::parse(options.group.text_of_first(text))) {
    known[one.at(0).get<std::size_t>()] = parse_outputs(one.at(1));
  }
  return known;
}

/// How many batches are computed at once: one per rank. With a sharded base all ranks must run the
/// same number of passes, so they all compute the same batch.
int batches_at_once(const Decoder& decoder, const EvaluationOptions& options) {
  return decoder.is_sharded() ? 1 : options.group.count();
}

/// The outputs of `batches`, in order. An error on one rank is thrown on all ranks.
std::vector<BatchOutputs> compute_together(const Decoder& decoder, const Tokenizer& tokenizer,
                                           const PreparedTask& work,
                                           std::span<const std::size_t> batches,
                                           const EvaluationOptions& options) {
  const int at_once = batches_at_once(decoder, options);
  const auto own = static_cast<std::size_t>(at_once == 1 ? 0 : options.group.rank());
  const auto compute_own = [&] {
    return compute(decoder, tokenizer, work, work.batches[batches[own]], options);
  };
  if (at_once == 1) return {compute_own()};
  Json message;
  if (own < batches.size()) {
    try {
      message["outputs"] = outputs_json(compute_own());
    } catch (const Error& error) {
      message["error"] = {static_cast<int>(error.code()), error.message(), error.where(),
                          error.hint()};
    }
  }
  std::vector<BatchOutputs> outputs;
  for (const std::string& text :
       options.group.texts(message.dump(-1, ' ', false, Json::error_handler_t::replace))) {
    const Json json = Json::parse(text);
    if (json.contains("error")) {
      const Json& error = json["error"];
      throw Error(static_cast<ExitCode>(error.at(0).get<int>()), error.at(1), error.at(2),
                  error.at(3));
    }
    if (json.contains("outputs")) outputs.push_back(parse_outputs(json["outputs"]));
  }
  return outputs;
}

}  // namespace

TaskResult evaluate(const Decoder& decoder, const Tokenizer& tokenizer, const PreparedTask& work,
                    const EvaluationOptions& options) {
  using Clock = std::chrono::steady_clock;
  std::map<std::size_t, BatchOutputs> known = known_outputs(work, options);
  std::vector<BatchOutputs> outputs(work.batches.size());
  std::vector<std::size_t> missing;
  EvaluationProgress progress{.total = std::ssize(work.items)};
  for (std::size_t i = 0; i < work.batches.size(); ++i) {
    const auto found = known.find(i);
    if (found == known.end()) {
      missing.push_back(i);
      continue;
    }
    outputs[i] = std::move(found->second);
    progress.done += std::ssize(work.batches[i]);
  }
  std::int64_t left = 0, computed = 0;  // tokens
  for (const std::size_t i : missing) left += work.batch_tokens[i];
  const Clock::time_point start = Clock::now();
  const auto at_once = static_cast<std::size_t>(batches_at_once(decoder, options));
  for (std::size_t begin = 0; begin < missing.size(); begin += at_once) {
    const auto batches =
        std::span(missing).subspan(begin, std::min(at_once, missing.size() - begin));
    std::vector<BatchOutputs> found = compute_together(decoder, tokenizer, work, batches, options);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const std::size_t batch = batches[i];
      if (options.cache != nullptr) options.cache->add(batch, found[i]);
      outputs[batch] = std::move(found[i]);
      computed += work.batch_tokens[batch];
      left -= work.batch_tokens[batch];
      progress.done += std::ssize(work.batches[batch]);
    }
    const std::chrono::duration<double> seconds = Clock::now() - start;
    progress.seconds_left =
        seconds.count() * static_cast<double>(left) / static_cast<double>(computed);
    if (options.progress) options.progress(progress);
  }
  return finish_task(work, outputs);
}

TaskResult cached_result(const PreparedTask& work, const OutputCache& cache) {
  std::vector<BatchOutputs> outputs;
  for (std::size_t i = 0; i < work.batches.size(); ++i) outputs.push_back(*cache.find(i));
  return finish_task(work, outputs);
}

}  // namespace expandft
