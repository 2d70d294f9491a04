#include "tasks/result.h"

#include "base/error.h"
#include "base/utf8.h"
#include "config/task_metrics.h"
#include "metrics/answer_matching.h"
#include "metrics/bleu.h"
#include "metrics/chrf.h"

#include <algorithm>
#include <array>
#include <utility>

namespace expandft {
namespace {

/// What log-likelihoods are divided by before the choice with the largest is taken.
enum class ChoiceNorm { kNone, kCharacters, kBytes };

ChoiceNorm norm_of(const std::string& metric) {
  if (metric == "acc_norm") return ChoiceNorm::kCharacters;
  return metric == "acc_bytes" ? ChoiceNorm::kBytes : ChoiceNorm::kNone;
}

std::int64_t best_choice(const TaskExample& example, const ExampleOutput& output, ChoiceNorm norm) {
  std::int64_t best = 0;
  double best_score = 0;
  for (std::size_t i = 0; i < output.likelihoods.size(); ++i) {
    double score = output.likelihoods[i].log_prob;
    const std::string& choice = example.choices[i];
    if (norm == ChoiceNorm::kCharacters) score /= static_cast<double>(character_count(choice));
    if (norm == ChoiceNorm::kBytes) score /= static_cast<double>(choice.size());
    if (i == 0 || score > best_score) {
      best = static_cast<std::int64_t>(i);
      best_score = score;
    }
  }
  return best;
}

/// Computes the metrics of one task, one at a time.
class Scorer {
 public:
  Scorer(const TaskConfig& task, const Examples& examples,
         const std::vector<ExampleOutput>& outputs)
      : task_(task), examples_(examples), outputs_(outputs) {}

  MetricResult measure(const MetricConfig& config) const {
    const std::string& metric = config.metric;
    const std::string& name = config.name.empty() ? metric : config.name;
    if (metric == "loss") return loss();
    if (task_.type == TaskType::kGenerate) return generated(config, name);
    if (task_.type == TaskType::kChoice) return chosen(metric, name);
    if (metric == "acc") {
      return share(name, [](const TaskExample&, const ExampleOutput& output) {
        return output.likelihoods.front().greedy;
      });
    }
    return likelihood(metric, name);
  }

  /// Nats per token of the correct texts.
  MetricResult loss() const {
    return pairs({.name = "loss"}, [this](std::size_t i) {
      const ExampleOutput& output = outputs_[i];
      if (task_.type != TaskType::kChoice) {
        return std::array{-output.log_prob(), static_cast<double>(output.tokens())};
      }
      const auto target = static_cast<std::size_t>((*examples_)[i].target);
      const Likelihood& right = output.likelihoods[target];
      return std::array{-right.log_prob, static_cast<double>(right.tokens)};
    });
  }

  /// The choice of each example by the metric, or the one that was written; -1: none.
  std::vector<std::int64_t> predictions(const MetricConfig& judged) const {
    std::vector<std::int64_t> out;
    if (task_.type != TaskType::kChoice) return out;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      out.push_back(prediction(i, norm_of(judged.metric)));
    }
    return out;
  }

 private:
  std::int64_t prediction(std::size_t i, ChoiceNorm norm) const {
    const TaskExample& example = (*examples_)[i];
    if (!task_.written) return best_choice(example, outputs_[i], norm);
    const auto written = written_choice(outputs_[i].text, example.choices);
    return written ? static_cast<std::int64_t>(*written) : -1;
  }

  /// `of(i)` returns the sum and weight of an example.
  template <typename Of>
  MetricResult pairs(MetricResult result, Of of) const {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const std::array<double, 2> pair = of(i);
      result.statistics.insert(result.statistics.end(), pair.begin(), pair.end());
    }
    return result;
  }

  /// The fraction of examples for which `is_right(example, output)`.
  template <typename IsRight>
  MetricResult share(const std::string& name, IsRight is_right) const {
    return pairs({.name = name, .higher_is_better = true, .is_share = true}, [&](std::size_t i) {
      return std::array{is_right((*examples_)[i], outputs_[i]) ? 1.0 : 0.0, 1.0};
    });
  }

  MetricResult chosen(const std::string& metric, const std::string& name) const {
    if (task_.written) {
      const bool answered = metric == "answered";
      return share(name, [answered](const TaskExample& example, const ExampleOutput& output) {
        const auto written = written_choice(output.text, example.choices);
        return written && (answered || *written == static_cast<std::size_t>(example.target));
      });
    }
    const ChoiceNorm norm = norm_of(metric);
    return share(name, [norm](const TaskExample& example, const ExampleOutput& output) {
      return best_choice(example, output, norm) == example.target;
    });
  }

  MetricResult likelihood(const std::string& metric, const std::string& name) const {
    const bool by_tokens = task_.type == TaskType::kPerplexity && metric == "perplexity";
    const MetricKind kind = metric == "bits_per_byte" ? MetricKind::kBits : MetricKind::kPerplexity;
    return pairs({.name = name, .kind = kind}, [&](std::size_t i) {
      const ExampleOutput& output = outputs_[i];
      double weight = 1;  // continuation: the mean over the examples, as lm-evaluation-harness's
      if (by_tokens) {
        weight = static_cast<double>(output.tokens());
      } else if (task_.type == TaskType::kPerplexity) {
        weight = static_cast<double>(output.bytes);
      } else if (task_.type == TaskType::kRolling) {
        const TaskExample& document = (*examples_)[i];
        weight = static_cast<double>(metric == "word_perplexity" ? document.words : document.bytes);
      }
      return std::array{-output.log_prob(), weight};
    });
  }

  MetricResult generated(const MetricConfig& config, const std::string& name) const {
    if (config.metric == "bleu") {
      return corpus({.name = name, .kind = MetricKind::kBleu}, bleu_statistics);
    }
    if (config.metric == "chrf") {
      return corpus({.name = name, .kind = MetricKind::kChrf}, chrf_statistics);
    }
    const AnswerMatcher matcher(config, task_.file.string() + ": metrics");
    return share(name, [&](const TaskExample& example, const ExampleOutput& output) {
      return matcher.matches(output.text, example.references);
    });
  }

  template <typename Statistics>
  MetricResult corpus(MetricResult result, Statistics statistics) const {
    result.higher_is_better = true;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const auto numbers = statistics(outputs_[i].text, (*examples_)[i].references);
      result.width = numbers.size();
      result.statistics.insert(result.statistics.end(), numbers.begin(), numbers.end());
    }
    return result;
  }

  const TaskConfig& task_;
  const Examples& examples_;
  const std::vector<ExampleOutput>& outputs_;
};

std::vector<MetricConfig> metrics_of(const TaskConfig& task) {
  if (task.type == TaskType::kChoice && task.written) {
    return {{.metric = "acc"}, {.metric = "answered"}};
  }
  return task.metrics.empty() ? default_metrics(task.type, task.written) : task.metrics;
}

}  // namespace

const MetricResult* TaskResult::find(const std::string& name) const {
  const auto found = std::ranges::find(metrics, name, &MetricResult::name);
  return found == metrics.end() ? nullptr : &*found;
}

std::optional<double> TaskResult::loss() const {
  const MetricResult* const found = find("loss");
  return found == nullptr ? std::nullopt : std::optional(found->value());
}

std::int64_t TaskResult::tokens() const {
  std::int64_t sum = 0;
  for (const ExampleOutput& output : outputs) sum += output.tokens();
  return sum;
}

std::int64_t TaskResult::truncated() const {
  return std::ranges::count_if(outputs, &ExampleOutput::truncated);
}

TaskResult score_outputs(const TaskConfig& task, Examples examples,
                         std::vector<ExampleOutput> outputs) {
  TaskResult result{.task = task, .examples = std::move(examples), .outputs = std::move(outputs)};
  const Scorer scorer(result.task, result.examples, result.outputs);
  const std::vector<MetricConfig> metrics = metrics_of(task);
  for (const MetricConfig& metric : metrics) result.metrics.push_back(scorer.measure(metric));
  if (!task.writes() && result.find("loss") == nullptr) result.metrics.push_back(scorer.loss());
  result.predictions = scorer.predictions(metrics.front());
  if (result.judged().is_share) {
    for (std::size_t i = 0; i < result.outputs.size(); ++i) {
      result.right.push_back(result.judged().example(i)[0] > 0 ? 1 : 0);
    }
  }
  return result;
}

}  // namespace expandft
