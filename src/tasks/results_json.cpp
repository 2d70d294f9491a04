#include "tasks/results_json.h"

#include "config/drop_budget.h"

#include <cmath>

namespace expandft {
namespace {

template <typename Number>
Json or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json();
}

std::string kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::kMean:
      return "mean";
    case MetricKind::kPerplexity:
      return "perplexity";
    case MetricKind::kBits:
      return "bits";
    case MetricKind::kBleu:
      return "bleu";
    case MetricKind::kChrf:
      return "chrf";
  }
  return {};
}

Json metric_json(const MetricComparison& metric) {
  return {{"metric", metric.name},
          {"kind", kind_name(metric.kind)},
          {"base", metric.base},
          {"tuned", metric.tuned},
          {"higher_is_better", metric.higher_is_better},
          {"difference", metric.difference},
          {"standard_error", or_null(metric.standard_error)},
          {"relative_change", or_null(metric.relative_change)},
          {"p_value", or_null(metric.p_value)}};
}

Json flips_json(const Flips& flips) {
  return {{"answers", flips.answers},
          {"changed", flips.changed},
          {"lost", flips.lost},
          {"gained", flips.gained}};
}

Json task_json(const Comparison& c, bool is_original) {
  Json base = Json::object(), tuned = Json::object(), metrics = Json::array();
  for (const MetricComparison& metric : c.metrics) {
    base[metric.name] = metric.base;
    tuned[metric.name] = metric.tuned;
    metrics.push_back(metric_json(metric));
  }
  const MetricComparison& judged = c.judged();
  Json json = {{"task", c.task},
               {"type", task_type_name(c.type)},
               {"examples", c.examples},
               {"tokens", c.tokens},
               {"truncated", c.truncated},
               {"metric", judged.name},
               {"unit", c.unit},
               {"base", base},
               {"tuned", tuned},
               {"difference", judged.difference},
               {"standard_error", or_null(judged.standard_error)},
               {"relative_change", or_null(judged.relative_change)},
               {"p_value", or_null(judged.p_value)},
               {"drop", {{"absolute", c.drop.absolute}, {"relative", c.drop.relative}}},
               {"flips", c.flips ? flips_json(*c.flips) : Json()},
               {"divergence", or_null(c.divergence)},
               {"metrics", metrics}};
  if (is_original) {
    json["budget"] = c.budget ? Json(budget_text(*c.budget, c.unit)) : Json();
    json["verdict"] = verdict_text(c.verdict);
  }
  return json;
}

Json forgetting_json(const Forgetting& forgetting) {
  return {{"mean_drop", forgetting.mean_drop},
          {"worst_task", forgetting.worst_task},
          {"worst_drop", forgetting.worst_drop},
          {"flipped", or_null(forgetting.flipped)},
          {"divergence", or_null(forgetting.divergence)}};
}

/// Adds the metrics that a single example has: right or wrong. Perplexity and BLEU need several.
void add_metrics(const TaskResult& result, std::size_t i, Json& line) {
  for (const MetricResult& metric : result.metrics) {
    if (metric.is_share) line[metric.name] = metric.example(i)[0];
  }
}

}  // namespace

Json comparison_json(const ComparisonReport& report) {
  Json originals = Json::array(), news = Json::array();
  for (const Comparison& c : report.originals) originals.push_back(task_json(c, true));
  for (const Comparison& c : report.news) news.push_back(task_json(c, false));
  return {{"max_drop", budgets_json(report.budgets)},
          {"within_budget", report.budgets.any() ? Json(report.within_budget()) : Json()},
          {"forgetting", report.forgetting ? forgetting_json(*report.forgetting) : Json()},
          {"original_tasks", originals},
          {"tasks", news}};
}

Json result_json(const TaskResult& result) {
  Json metrics = Json::object(), errors = Json::object();
  for (const MetricResult& metric : result.metrics) {
    metrics[metric.name] = metric.value();
    errors[metric.name] = or_null(metric.standard_error());
  }
  return {{"task", result.task.name},
          {"type", task_type_name(result.task.type)},
          {"examples", result.outputs.size()},
          {"truncated", result.truncated()},
          {"tokens", result.tokens()},
          {"bos", result.bos},
          {"metrics", metrics},
          {"standard_errors", errors}};
}

std::vector<Json> example_lines(const TaskResult& result, const std::string& model) {
  std::vector<Json> lines;
  for (std::size_t i = 0; i < result.outputs.size(); ++i) {
    const ExampleOutput& output = result.outputs[i];
    Json line = {{"task", result.task.name}, {"model", model}, {"index", i}};
    if (result.examples) line["line"] = (*result.examples)[i].line;
    if (result.task.writes()) {
      line["text"] = output.text;
    } else {
      Json log_probs = Json::array(), greedy = Json::array(), tokens = Json::array();
      for (const Likelihood& likelihood : output.likelihoods) {
        log_probs.push_back(likelihood.log_prob);
        greedy.push_back(likelihood.greedy);
        tokens.push_back(likelihood.tokens);
      }
      line["log_probs"] = log_probs;
      line["greedy"] = greedy;
      line["tokens"] = tokens;
    }
    if (!result.predictions.empty()) {
      line["prediction"] = result.predictions[i] < 0 ? Json() : Json(result.predictions[i]);
      line["target"] = (*result.examples)[i].target;
    }
    if (result.task.type == TaskType::kGenerate) {
      line["references"] = (*result.examples)[i].references;
    }
    line["truncated"] = output.truncated;
    add_metrics(result, i, line);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace expandft
