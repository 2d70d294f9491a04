#pragma once

#include "tasks/result.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace expandft::testing {

/// A result whose metrics are put in place, not computed: `rights` of a share, one an example.
inline TaskResult invented_result(TaskConfig task, std::vector<TaskExample> examples,
                                  std::vector<ExampleOutput> outputs,
                                  const std::vector<int>& rights) {
  TaskResult result{.task = std::move(task), .outputs = std::move(outputs)};
  result.examples = std::make_shared<const std::vector<TaskExample>>(std::move(examples));
  MetricResult metric{.name = "acc", .higher_is_better = true, .is_share = true};
  for (const int right : rights) {
    metric.statistics.insert(metric.statistics.end(), {static_cast<double>(right), 1.0});
    result.right.push_back(static_cast<std::uint8_t>(right));
  }
  result.metrics = {std::move(metric)};
  return result;
}

/// A choice between two, of likelihoods alone: what was taken is the likelier one.
inline TaskResult choice_result(const std::vector<std::pair<double, double>>& log_probs,
                                const std::string& prompt = "2 + 2 =") {
  std::vector<TaskExample> examples;
  std::vector<ExampleOutput> outputs;
  std::vector<int> rights;
  for (const auto& [first, second] : log_probs) {
    const auto line = static_cast<std::int64_t>(examples.size()) + 1;
    examples.push_back({.line = line,
                        .texts = {{prompt, " four"}, {prompt, " five"}},
                        .choices = {"four", "five"},
                        .target = 0});
    outputs.push_back({.likelihoods = {{first, 1, false}, {second, 1, false}}});
    rights.push_back(first >= second ? 1 : 0);
  }
  TaskResult result = invented_result({.name = "sums", .type = TaskType::kChoice},
                                      std::move(examples), std::move(outputs), rights);
  for (const int right : rights) result.predictions.push_back(right == 1 ? 0 : 1);
  return result;
}

/// What a model writes: compared by a metric of the corpus, so that nothing is right or wrong.
inline TaskResult written_result(const std::vector<std::string>& texts,
                                 const std::vector<std::string>& references = {"le chat"}) {
  std::vector<TaskExample> examples;
  std::vector<ExampleOutput> outputs;
  for (const std::string& text : texts) {
    examples.push_back({.line = 3, .prompt = "the cat =", .references = references});
    outputs.push_back({.text = text});
  }
  TaskResult result = invented_result({.name = "translate", .type = TaskType::kGenerate},
                                      std::move(examples), std::move(outputs), {});
  result.metrics = {{.name = "score", .higher_is_better = true}};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    result.metrics[0].statistics.insert(result.metrics[0].statistics.end(), {0.5, 1.0});
  }
  return result;
}

/// Blocks of ten tokens each, at losses in nats per token.
inline TaskResult block_result(const std::vector<double>& losses) {
  TaskResult result{.task = {.name = "text", .type = TaskType::kPerplexity}};
  result.metrics = {{.name = "perplexity", .kind = MetricKind::kPerplexity}};
  for (const double loss : losses) {
    result.outputs.push_back({.likelihoods = {{-10 * loss, 10, false}}, .bytes = 30});
    result.metrics[0].statistics.insert(result.metrics[0].statistics.end(), {10 * loss, 10.0});
  }
  return result;
}

}  // namespace expandft::testing
