#include "tasks/comparison.h"

#include "base/error.h"
#include "config/drop_budget.h"
#include "config/task_metrics.h"
#include "metrics/paired_statistics.h"
#include "report/human.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numbers>

namespace expandft {
namespace {

constexpr double kSignificant = 2.0;  // standard errors: about 95 % confidence

/// Input error unless both results are for the same texts in the same tokens.
void check_pairing(const TaskResult& base, const TaskResult& tuned) {
  bool paired = base.task.name == tuned.task.name && base.outputs.size() == tuned.outputs.size() &&
                base.metrics.size() == tuned.metrics.size();
  for (std::size_t i = 0; paired && i < base.outputs.size(); ++i) {
    const ExampleOutput &one = base.outputs[i], &other = tuned.outputs[i];
    paired =
        one.bytes == other.bytes && std::ranges::equal(one.likelihoods, other.likelihoods, {},
                                                       &Likelihood::tokens, &Likelihood::tokens);
  }
  if (paired) return;
  throw input_error("the two models cut the text of task " + base.task.name +
                        " into different tokens; they cannot be compared",
                    base.task.data.string(), "base and tuned model need the same tokenizer");
}

/// The standard error of the difference of two ratios with the same weights.
std::optional<double> difference_error(const MetricResult& base, const MetricResult& tuned) {
  std::vector<double> differences, weights;
  for (std::size_t i = 0; i < base.examples(); ++i) {
    differences.push_back(tuned.example(i)[0] - base.example(i)[0]);
    weights.push_back(base.example(i)[1]);
  }
  auto error = ratio_standard_error(differences, weights);
  if (error && base.kind == MetricKind::kBits) *error /= std::numbers::ln2;
  return error;
}

MetricComparison compare_metric(const MetricResult& base, const MetricResult& tuned) {
  MetricComparison c{.name = base.name,
                     .kind = base.kind,
                     .higher_is_better = base.higher_is_better,
                     .base = base.value(),
                     .tuned = tuned.value()};
  // Of the logarithms: perplexities themselves can overflow.
  c.difference =
      base.kind == MetricKind::kPerplexity ? tuned.ratio() - base.ratio() : c.tuned - c.base;
  if (base.kind == MetricKind::kPerplexity) {
    c.relative_change = std::expm1(c.difference);
  } else if (c.base != 0) {
    c.relative_change = c.tuned / c.base - 1;
  }
  if (is_ratio(base.kind)) {
    c.standard_error = difference_error(base, tuned);
    return c;
  }
  const auto found = paired_bootstrap(
      base.statistics, tuned.statistics, base.width,
      [&](std::span<const double> totals) { return metric_value(base.kind, totals); });
  if (found) {
    c.standard_error = found->standard_error;
    c.p_value = found->p;
  }
  return c;
}

Drop drop_of(const MetricComparison& c) {
  const double sign = c.higher_is_better ? -1 : 1;
  // No change is 0, not -0 or the difference of two infinities.
  return {.absolute = c.difference == 0 ? 0 : sign * (c.tuned - c.base),
          .relative = sign * c.relative_change.value_or(0) + 0.0};
}

/// With a tolerance: a drop of exactly the budget must not exceed it by rounding. NaN exceeds it.
bool is_within(double drop, const DropBudget& budget) {
  return drop <= budget.amount + 1e-9 * std::max(1.0, budget.amount);
}

Verdict judge(const Comparison& c) {
  if (c.budget) {
    const double drop = c.budget->relative ? 100 * c.drop.relative : c.drop.absolute;
    return is_within(drop, *c.budget) ? Verdict::kWithinBudget : Verdict::kOverBudget;
  }
  const MetricComparison& judged = c.judged();
  if (!judged.standard_error ||
      std::abs(judged.difference) <= kSignificant * *judged.standard_error) {
    return Verdict::kSame;
  }
  return (judged.difference > 0) == judged.higher_is_better ? Verdict::kBetter : Verdict::kWorse;
}

Flips count_flips(const TaskResult& base, const TaskResult& tuned) {
  Flips flips{.answers = std::ssize(base.right)};
  for (std::size_t i = 0; i < base.right.size(); ++i) {
    flips.changed += is_answer_changed(base, tuned, i) ? 1 : 0;
    flips.lost += base.right[i] != 0 && tuned.right[i] == 0 ? 1 : 0;
    flips.gained += base.right[i] == 0 && tuned.right[i] != 0 ? 1 : 0;
  }
  return flips;
}

Forgetting forgetting_of(const std::vector<Comparison>& originals) {
  Forgetting out;
  std::int64_t answers = 0, flipped = 0;
  for (const Comparison& c : originals) {
    out.mean_drop += c.drop.relative / static_cast<double>(originals.size());
    if (out.worst_task.empty() || c.drop.relative > out.worst_drop) {
      out.worst_task = c.task;
      out.worst_drop = c.drop.relative;
    }
    if (!c.flips) continue;
    answers += c.flips->answers;
    flipped += c.flips->lost + c.flips->gained;
  }
  if (answers > 0) out.flipped = static_cast<double>(flipped) / static_cast<double>(answers);
  return out;
}

bool mean_is_within(const ComparisonReport& report) {
  if (!report.budgets.mean || !report.forgetting) return true;
  return is_within(100 * report.forgetting->mean_drop, *report.budgets.mean);
}

}  // namespace

std::string verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWithinBudget:
      return "within budget";
    case Verdict::kOverBudget:
      return "over budget";
    case Verdict::kSame:
      return "same";
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
  }
  return {};
}

bool is_answer_changed(const TaskResult& base, const TaskResult& tuned, std::size_t example) {
  if (!base.predictions.empty()) return base.predictions[example] != tuned.predictions[example];
  if (!base.right.empty() && base.task.type == TaskType::kContinuation) {
    return base.right[example] != tuned.right[example];
  }
  return base.outputs[example].text != tuned.outputs[example].text;
}

Comparison compare(const TaskResult& base, const TaskResult& tuned,
                   const std::optional<DropBudget>& budget) {
  check_pairing(base, tuned);
  Comparison c{.task = base.task.name,
               .type = base.task.type,
               .examples = std::ssize(base.outputs),
               .tokens = base.tokens(),
               .truncated = base.truncated(),
               .budget = budget};
  for (std::size_t i = 0; i < base.metrics.size(); ++i) {
    c.metrics.push_back(compare_metric(base.metrics[i], tuned.metrics[i]));
  }
  if (!base.right.empty()) {
    c.flips = count_flips(base, tuned);
    c.metrics.front().p_value = mcnemar_p(c.flips->lost, c.flips->gained);
  }
  c.drop = drop_of(c.judged());
  c.unit = metric_unit(judged_metric(base.task).metric);
  c.verdict = judge(c);
  return c;
}

std::string ComparisonReport::budgets_text() const {
  std::map<std::string, std::string> units;
  for (const Comparison& c : originals) units[c.task] = c.unit;
  return expandft::budgets_text(budgets, units);
}

bool ComparisonReport::within_budget() const {
  return mean_is_within(*this) && std::ranges::none_of(originals, [](const Comparison& c) {
           return c.verdict == Verdict::kOverBudget;
         });
}

ComparisonReport compare_tasks(const std::vector<TaskResult>& base,
                               const std::vector<TaskResult>& tuned, std::size_t originals,
                               const DropBudgets& budgets) {
  ComparisonReport report{.budgets = budgets};
  for (std::size_t i = 0; i < base.size(); ++i) {
    const bool original = i < originals;
    const auto budget = original ? budgets.of(base[i].task.name) : std::nullopt;
    (original ? report.originals : report.news).push_back(compare(base[i], tuned[i], budget));
  }
  if (!report.originals.empty()) report.forgetting = forgetting_of(report.originals);
  return report;
}

void add_divergences(const std::vector<double>& divergences, ComparisonReport& report) {
  double sum = 0;
  for (std::size_t i = 0; i < divergences.size(); ++i) {
    report.originals[i].divergence = divergences[i];
    sum += divergences[i];
  }
  if (report.forgetting && !divergences.empty()) {
    report.forgetting->divergence = sum / static_cast<double>(divergences.size());
  }
}

std::optional<Error> budget_error(const ComparisonReport& report) {
  if (report.within_budget()) return {};
  std::string tasks;
  for (const Comparison& c : report.originals) {
    if (c.verdict != Verdict::kOverBudget) continue;
    const MetricComparison& judged = c.judged();
    tasks += (tasks.empty() ? "" : "; ") + c.task + " (" + judged.name + " " +
             fixed(judged.base, 3) + " to " + fixed(judged.tuned, 3);
    if (judged.relative_change)
      tasks += ", " + signed_fixed(100 * *judged.relative_change, 2) + "%";
    tasks += ")";
  }
  if (!mean_is_within(report)) {
    tasks += (tasks.empty() ? "" : "; ") + std::string("the mean (") +
             signed_fixed(100 * report.forgetting->mean_drop, 2) + "%)";
  }
  return Error(
      ExitCode::kDropped,
      "original tasks dropped beyond the budget of " + report.budgets_text() + ": " + tasks, "",
      "merge at a lower strength (expandft merge --strength), or train with a lower learning rate");
}

}  // namespace expandft
